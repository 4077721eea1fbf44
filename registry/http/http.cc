// SPDX-License-Identifier: Apache-2.0
#include "registry/http/http.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

#include "base/guarded.h"
#include "base/text.h"
#include "registry/http/curl.h"
#include "registry/http/field.h"
#include "registry/http/host_kind.h"
#include "registry/http/proxy.h"
#include "registry/http/transfer.h"

namespace digestfs::registry {
namespace {

// In bytes per second. A transfer that is slower for as long as a stall may last has stalled
// (RTY-7).
constexpr long kSlowest = 1024;
constexpr long kBufferSize = 128L << 10U;
// The longest wait for a TLS handshake with a host that may not speak TLS. Such a host needs
// microseconds to answer, unless it waits for a line of HTTP.
constexpr std::chrono::seconds kTryHandshake{3};

/// The connections of one thread at a time. libcurl keeps connections for later requests (to the
/// registry and to the host that it redirects to) in the multi handle.
struct Line {
  CurlMulti multi{curl_multi_init()};
  CurlEasy easy{curl_easy_init()};
};

Errc code_of(CURLcode code) noexcept {
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return Errc::timed_out;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
      return Errc::untrusted;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_RANGE_ERROR:
      return Errc::corrupt;
    default:
      return Errc::unavailable;
  }
}

/// Returns true if the server ended the connection before it had sent all.
bool is_cut(CURLcode code) noexcept {
  return code == CURLE_PARTIAL_FILE || code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING;
}

/// Returns true if the server has refused, and only the text that says why was cut. docker-registry
/// 2.8 announces a blob's length with 416, and then sends a line that is shorter (EP-9).
bool is_refusal_cut_short(CURLcode code, Transfer& transfer) noexcept {
  return is_cut(code) && transfer.is_head_whole() && transfer.head().status >= 400;
}

/// Describes what went wrong in curl's words, `details`. They may quote the whole URL of a proxy,
/// and its password must not be shown (promise 8).
std::string describe(CURLcode code, std::string details, const std::string& proxy) {
  if (const auto at = details.find(proxy); !proxy.empty() && at != std::string::npos) {
    details.replace(at, proxy.size(), shown_proxy(proxy));
  }
  if (is_cut(code)) {
    return str_cat("the connection was cut (", details.empty() ? "no more data" : details, ")");
  }
  return details.empty() ? curl_easy_strerror(code) : details;
}

/// The error of a request that got no answer. `tunnel` is the status with which a proxy answered
/// the request to connect us, or 0 if no proxy answered (PRX-2).
Error failure_of(CURLcode code, long tunnel, std::string details, const std::string& proxy) {
  if (tunnel == 0 || is_success(static_cast<int>(tunnel))) {
    return {code_of(code), describe(code, std::move(details), proxy)};
  }
  return {tunnel == 407 ? Errc::denied : Errc::unavailable,
          str_cat("the proxy answered ", tunnel,
                  tunnel == 407 ? "; it wants to know who asks" : " and does not connect us")};
}

/// Returns true if the server speaks TLS though the handshake failed: it sent an alert, or is too
/// old.
bool speaks_tls(std::string_view details) {
  return details.find(" alert ") != std::string_view::npos ||
         details.find("unsupported protocol") != std::string_view::npos;
}

/// A list that curl keeps for the length of a transfer.
CurlList field_list(const std::vector<Field>& fields, bool decode) {
  CurlList list;
  // We want the bytes as they are stored: the digest is computed from them (VER-9).
  const auto append = [&list](const std::string& line) {
    curl_slist* longer = curl_slist_append(list.get(), line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    static_cast<void>(list.release());
    list.reset(longer);
  };
  if (!decode) append("Accept-Encoding: identity");
  for (const Field& field : fields) append(str_cat(field.name, ": ", field.value));
  return list;
}

/// Sets the options that are the same in every transfer.
void set_up(CURL* easy, const HttpOptions& options) {
  curl_easy_reset(easy);
  set(easy, CURLOPT_USERAGENT, options.user_agent.c_str());
  set(easy, CURLOPT_NOSIGNAL, 1L);
  set(easy, CURLOPT_FOLLOWLOCATION, 0L);
  set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  set(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);
  // The path was checked and is opaque, cursors of pages above all (EP-10).
  set(easy, CURLOPT_PATH_AS_IS, 1L);
  // A line carries one transfer at a time, so HTTP/2 would give nothing but its own ways to fail
  // (HTTP-1).
  set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  set(easy, CURLOPT_BUFFERSIZE, kBufferSize);
  // Otherwise a request that is given up waits for the resolver, also after SIGTERM.
  set(easy, CURLOPT_QUICK_EXIT, 1L);
  const auto stall = static_cast<long>(options.stall.count());
  set(easy, CURLOPT_CONNECTTIMEOUT, stall);
  set(easy, CURLOPT_LOW_SPEED_TIME, stall);
  set(easy, CURLOPT_LOW_SPEED_LIMIT, kSlowest);
}

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

/// The authorities that the system trusts.
struct SystemAuthorities {
  /// All of them in one file. Empty if there is none. The path is absolute, since a daemon leaves
  /// its working directory.
  std::string file;
  /// True if curl's own directory has each of them under the hash of its name, too. Then OpenSSL
  /// opens the one that it needs. To read all of them takes 20 ms, for each connection again.
  bool are_hashed = false;
};

/// Returns true if some file in `directory` has a name as OpenSSL looks for it.
bool has_hashed_names(const char* directory) {
  if (directory == nullptr) return false;
  std::error_code problem;
  for (std::filesystem::directory_iterator at(directory, problem), end; !problem && at != end;
       at.increment(problem)) {
    const std::string name = at->path().filename();
    if (name.size() == 10 && name.ends_with(".0") &&
        name.find_first_not_of("0123456789abcdef") == 8) {
      return true;
    }
  }
  return false;
}

/// Finds the file that OpenSSL's variable names, which Go's clients also use, or else curl's own.
SystemAuthorities system_authorities() {
  const curl_version_info_data* const curl = curl_version_info(CURLVERSION_NOW);
  const std::string built_in = curl->cainfo == nullptr ? std::string() : curl->cainfo;
  std::string file = environment("SSL_CERT_FILE");
  if (!file.empty()) file = std::filesystem::absolute(file);
  if (!file.empty() && file != built_in) return {.file = std::move(file)};
  return {.file = built_in, .are_hashed = has_hashed_names(curl->capath)};
}

/// Makes `easy` accept the authorities of `certificates` in addition to those of the system, which
/// are in `file`, or in curl's own directory if `file` is null. Makes it offer the client's
/// certificate. By itself, curl would accept them instead of the system's (TLS-1).
void use_certificates(CURL* easy, const std::string* file, const Certificates* certificates) {
  const bool has_own = certificates != nullptr && !certificates->authorities.empty();
  if (file == nullptr) set(easy, CURLOPT_CAINFO, static_cast<const char*>(nullptr));
  if (!has_own) {
    if (file != nullptr && !file->empty()) set(easy, CURLOPT_CAINFO, file->c_str());
  } else {
    std::ostringstream all;
    std::ifstream stream(file == nullptr ? std::string() : *file, std::ios::binary);
    if (stream.peek() != EOF) all << stream.rdbuf();
    all << '\n' << certificates->authorities;
    std::string text = all.str();
    curl_blob blob{.data = text.data(), .len = text.size(), .flags = CURL_BLOB_COPY};
    set(easy, CURLOPT_CAINFO_BLOB, &blob);
  }
  if (certificates != nullptr && !certificates->certificate.empty()) {
    set(easy, CURLOPT_SSLCERT, certificates->certificate.c_str());
    set(easy, CURLOPT_SSLKEY, certificates->key.c_str());
  }
}

/// Names the proxy on the way in the message of a failure (PRX-2).
std::string proxy_note(std::string_view proxy) {
  return proxy.empty() ? std::string() : str_cat(" (through the proxy ", proxy, ")");
}

std::string_view to_string(Method method) {
  switch (method) {
    case Method::head:
      return "HEAD ";
    case Method::post:
      return "POST ";
    case Method::get:
      break;
  }
  return "GET ";
}

}  // namespace

std::optional<std::string> HttpHead::field(std::string_view name) const {
  const auto at = std::ranges::find_if(
      fields, [&](const Field& field) { return equals_folded(field.name, name); });
  return at == fields.end() ? std::nullopt : std::optional(at->value);
}

std::vector<std::string> HttpHead::all(std::string_view name) const {
  std::vector<std::string> found;
  for (const Field& field : fields) {
    if (equals_folded(field.name, name)) found.push_back(field.value);
  }
  return found;
}

/// The lines that no request uses at the moment.
class Http::Pool {
 public:
  explicit Pool(HttpOptions options) : options_(std::move(options)) {
    static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (started != CURLE_OK) throw Error(Errc::unavailable, curl_easy_strerror(started));
  }

  [[nodiscard]] const HttpOptions& options() const noexcept { return options_; }
  /// The file of the system's authorities.
  [[nodiscard]] const std::string& authorities() const noexcept { return authorities_.file; }
  /// Returns true if curl's directory of authorities has been enough so far.
  [[nodiscard]] bool is_directory_enough() const noexcept { return is_directory_enough_; }
  /// Notes that an authority is in the file alone.
  void give_up_directory() noexcept { is_directory_enough_ = false; }

  [[nodiscard]] Line take() {
    {
      const auto idle = idle_.lock();
      if (!idle->empty()) {
        Line line = std::move(idle->back());
        idle->pop_back();
        return line;
      }
    }
    Line line;
    if (!line.multi || !line.easy) throw std::bad_alloc();
    return line;
  }

  void put_back(Line line) {
    const auto idle = idle_.lock();
    idle->push_back(std::move(line));
  }

 private:
  // Constant after construction.
  HttpOptions options_;
  SystemAuthorities authorities_ = system_authorities();
  // Synchronises itself.
  std::atomic<bool> is_directory_enough_{authorities_.are_hashed};
  // Guarded by the lock it lives in. As many as ever worked at once, which the workers bound.
  Guarded<std::vector<Line>> idle_;
};

Http::Http(HttpOptions options) : pool_(std::make_unique<Pool>(std::move(options))) {}

Http::~Http() = default;

HttpHead Http::perform(const HttpRequest& request, const Receive& receive, std::stop_token stop) {
  if (request.trust == Trust::anyone || !pool_->is_directory_enough()) {
    return exchange(request, receive, stop, &pool_->authorities());
  }
  try {
    return exchange(request, receive, stop, nullptr);
  } catch (const Error& error) {
    if (error.code() != Errc::untrusted) throw;
  }
  // Somebody may have added an authority to the file and not to the directory.
  HttpHead head = exchange(request, receive, stop, &pool_->authorities());
  pool_->give_up_directory();
  return head;
}

HttpHead Http::exchange(const HttpRequest& request, const Receive& receive,
                        const std::stop_token& stop, const std::string* authorities) {
  Line line = pool_->take();
  CURL* easy = line.easy.get();
  const CurlList fields = field_list(request.fields, request.decode);

  set_up(easy, pool_->options());
  Transfer transfer(easy, receive);
  set(easy, CURLOPT_URL, request.url.str().c_str());
  set(easy, CURLOPT_HTTPHEADER, fields.get());
  if (request.method == Method::head) set(easy, CURLOPT_NOBODY, 1L);
  if (request.decode) {
    set(easy, CURLOPT_ACCEPT_ENCODING, "");
    set(easy, CURLOPT_HTTP_CONTENT_DECODING, 1L);
  }
  if (request.method == Method::post) {
    set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.form.size()));
    set(easy, CURLOPT_POSTFIELDS, request.form.c_str());
  }
  const bool is_loopback = host_kind(request.url.host()) == HostKind::loopback;
  const std::string proxy = proxy_of(request.url, ProxyVariables::of_environment());
  set(easy, CURLOPT_PROXY, proxy.c_str());
  if (request.check_peer && proxy.empty()) transfer.check_peer(request.check_peer);
  set(easy, CURLOPT_NOPROXY, "");  // libcurl knows no ports in the variable (PRX-1)
  set(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  use_certificates(easy, authorities, request.certificates.get());
  const bool tries_tls = request.trust == Trust::anyone && request.url.scheme() == "https";
  if (request.trust == Trust::anyone) {
    set(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    set(easy, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  if (tries_tls && is_loopback) {
    const auto limit = std::min(kTryHandshake, pool_->options().stall);
    set(easy, CURLOPT_CONNECTTIMEOUT, static_cast<long>(limit.count()));
  }
  if (request.longest) set(easy, CURLOPT_TIMEOUT, static_cast<long>(request.longest->count()));
  const CURLcode code = transfer.run(line.multi.get(), stop);

  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  HttpHead& head = transfer.head();
  head.status = static_cast<int>(status);
  head.proxy = shown_proxy(proxy);
  const char* peer = nullptr;
  curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &peer);
  if (proxy.empty() && peer != nullptr) head.peer = host_kind(peer);
  curl_off_t handshake = 0;
  long tunnel = 0;
  curl_easy_getinfo(easy, CURLINFO_APPCONNECT_TIME_T, &handshake);
  curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &tunnel);
  // The handle points to objects that end here. After a failed transfer a reset is not enough:
  // libcurl keeps the buffer of a name that it could not resolve, and then refuses to set its size.
  if (code == CURLE_OK) {
    curl_easy_reset(easy);
  } else {
    line.easy.reset(curl_easy_init());
    if (!line.easy) throw std::bad_alloc();
  }
  pool_->put_back(std::move(line));

  if (transfer.failure()) std::rethrow_exception(transfer.failure());
  if (code == CURLE_OK || transfer.is_enough() || is_refusal_cut_short(code, transfer)) {
    return std::move(head);
  }
  const Error cause = failure_of(code, tunnel, std::string(transfer.details()), proxy);
  const Error error(cause.code(), str_cat(to_string(request.method), request.url.redacted(), ": ",
                                          cause.what(), proxy_note(head.proxy)));
  if (!request.is_tls_tried) throw error;
  if (tries_tls && proxy.empty() && code == CURLE_COULDNT_CONNECT) {
    throw NoTls{NoTls::Why::nobody, error};
  }
  // On this machine a TLS handshake does not take that long: the server speaks no TLS.
  const bool no_handshake = (code == CURLE_SSL_CONNECT_ERROR && !speaks_tls(transfer.details())) ||
                            (code == CURLE_OPERATION_TIMEDOUT && is_loopback);
  if (tries_tls && no_handshake && handshake == 0) throw NoTls{NoTls::Why::other_protocol, error};
  throw error;
}

std::string http_library() {
  return str_cat("libcurl ", ::curl_version_info(CURLVERSION_NOW)->version);
}

}  // namespace digestfs::registry
