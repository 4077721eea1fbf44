// SPDX-License-Identifier: Apache-2.0
#include "registry/http/http.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <sstream>
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

// Slower than this for as long as a stall may last is a stall: bytes per second (RTY-7).
constexpr long kSlowest = 1024;
constexpr long kBufferSize = 128L << 10U;
// How long a host that may be without TLS has for its part of a TLS handshake. It needs
// microseconds, unless it waits for a line of HTTP.
constexpr std::chrono::seconds kTryHandshake{3};

/// Connections that one thread at a time works with. libcurl keeps what can be used again (the
/// registry's and that of the host it redirects to) in the multi handle.
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

/// What went wrong, by curl's `details`. Of a proxy that it cannot use it quotes all, the password
/// included (promise 8).
std::string describe(CURLcode code, std::string details, const std::string& proxy) {
  if (const auto at = details.find(proxy); !proxy.empty() && at != std::string::npos) {
    details.replace(at, proxy.size(), shown_proxy(proxy));
  }
  if (code == CURLE_PARTIAL_FILE || code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING) {
    return str_cat("the connection was cut (", details.empty() ? "no more data" : details, ")");
  }
  return details.empty() ? curl_easy_strerror(code) : details;
}

/// What became of a request that got no answer. `tunnel` is what a proxy answered that was to
/// connect us; 0 where none did (PRX-2).
Error failure_of(CURLcode code, long tunnel, std::string details, const std::string& proxy) {
  if (tunnel == 0 || is_success(static_cast<int>(tunnel))) {
    return {code_of(code), describe(code, std::move(details), proxy)};
  }
  return {tunnel == 407 ? Errc::denied : Errc::unavailable,
          str_cat("the proxy answered ", tunnel,
                  tunnel == 407 ? "; it wants to know who asks" : " and does not connect us")};
}

/// Whether a handshake that failed was one: the other side sent an alert, or is too old.
bool speaks_tls(std::string_view details) {
  return details.find(" alert ") != std::string_view::npos ||
         details.find("unsupported protocol") != std::string_view::npos;
}

/// A list that curl keeps for the length of a transfer.
CurlList field_list(const std::vector<Field>& fields, bool decode) {
  CurlList list;
  // What is stored is what is wanted: a digest is over it (VER-9).
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

/// What is the same in every transfer.
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
  // Or giving up a name that does not resolve waits for the resolver, SIGTERM included.
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

/// The file of the system's authorities: what OpenSSL's variable says, as Go's clients have it. An
/// absolute path, since a daemon leaves its working directory.
std::string system_authorities() {
  if (const std::string file = environment("SSL_CERT_FILE"); !file.empty()) {
    return std::filesystem::absolute(file);
  }
  const char* const built_in = curl_version_info(CURLVERSION_NOW)->cainfo;
  return built_in == nullptr ? std::string() : built_in;
}

/// Has `easy` believe the authorities of `certificates` beside the system's, and offer the client's
/// certificate. curl alone would believe in place of them (TLS-1).
void use_certificates(CURL* easy, const std::string& file, const Certificates* certificates) {
  if (certificates == nullptr || certificates->authorities.empty()) {
    if (!file.empty()) set(easy, CURLOPT_CAINFO, file.c_str());
  } else {
    std::ostringstream all;
    if (std::ifstream stream(file, std::ios::binary); stream.peek() != EOF) all << stream.rdbuf();
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

/// What to say in a failure of who is on the way (PRX-2).
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

/// The lines that nobody uses at the moment.
class Http::Pool {
 public:
  explicit Pool(HttpOptions options) : options_(std::move(options)) {
    static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (started != CURLE_OK) throw Error(Errc::unavailable, curl_easy_strerror(started));
  }

  [[nodiscard]] const HttpOptions& options() const noexcept { return options_; }
  [[nodiscard]] const std::string& system_authorities() const noexcept {
    return system_authorities_;
  }

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
  std::string system_authorities_ = registry::system_authorities();
  // Guarded by the lock it lives in. As many as ever worked at once, which the workers bound.
  Guarded<std::vector<Line>> idle_;
};

Http::Http(HttpOptions options) : pool_(std::make_unique<Pool>(std::move(options))) {}

Http::~Http() = default;

HttpHead Http::perform(const HttpRequest& request, const Receive& receive, std::stop_token stop) {
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
  set(easy, CURLOPT_NOPROXY, "");  // libcurl knows no ports in the variable (PRX-1)
  set(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  use_certificates(easy, pool_->system_authorities(), request.certificates);
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
  // What it points to ends here. Of a transfer that failed libcurl keeps more than a reset forgets:
  // after a name that cannot be resolved, its buffer, whose size may then not be set.
  if (code == CURLE_OK) {
    curl_easy_reset(easy);
  } else {
    line.easy.reset(curl_easy_init());
    if (!line.easy) throw std::bad_alloc();
  }
  pool_->put_back(std::move(line));

  if (transfer.failure()) std::rethrow_exception(transfer.failure());
  if (code == CURLE_OK || transfer.is_enough()) return std::move(head);
  const Error cause = failure_of(code, tunnel, std::string(transfer.details()), proxy);
  const Error error(cause.code(), str_cat(to_string(request.method), request.url.redacted(), ": ",
                                          cause.what(), proxy_note(head.proxy)));
  if (tries_tls && proxy.empty() && code == CURLE_COULDNT_CONNECT) {
    throw NoTls{NoTls::Why::nobody, error};
  }
  // Nobody is far away on this machine: a handshake that takes so long is none.
  const bool no_handshake = (code == CURLE_SSL_CONNECT_ERROR && !speaks_tls(transfer.details())) ||
                            (code == CURLE_OPERATION_TIMEDOUT && is_loopback);
  if (tries_tls && no_handshake && handshake == 0) throw NoTls{NoTls::Why::other_protocol, error};
  throw error;
}

}  // namespace digestfs::registry
