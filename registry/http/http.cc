// SPDX-License-Identifier: Apache-2.0
#include "registry/http/http.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include <curl/curl.h>

#include "base/guarded.h"
#include "base/handle.h"
#include "base/text.h"
#include "registry/http/field.h"
#include "registry/http/host_kind.h"
#include "registry/http/proxy.h"

namespace digestfs::registry {
namespace {

using CurlEasy = std::unique_ptr<CURL, Deleter<curl_easy_cleanup>>;
using CurlMulti = std::unique_ptr<CURLM, Deleter<curl_multi_cleanup>>;
using CurlUrl = std::unique_ptr<CURLU, Deleter<curl_url_cleanup>>;
using CurlText = std::unique_ptr<char, Deleter<curl_free>>;
using CurlList = std::unique_ptr<curl_slist, Deleter<curl_slist_free_all>>;

// Slower than this for as long as a stall may last is a stall: bytes per second (RTY-7).
constexpr long kSlowest = 1024;
// A whole head. Registries send a few hundred bytes; curl alone would take endless ones.
constexpr std::size_t kMaxHead = std::size_t{256} << 10U;
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

/// One request under way, as the C callbacks see it.
struct Transfer {
  const Receive& receive;
  HttpHead head;
  std::size_t head_bytes = 0;
  bool enough = false;
  std::exception_ptr failure;
};

std::string_view without_blanks(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

/// Called by curl for each line of a head.
std::size_t take_head_line(char* data, std::size_t size, std::size_t count, void* user) noexcept {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::size_t bytes = size * count;
  try {
    transfer.head_bytes += bytes;
    if (transfer.head_bytes > kMaxHead) {
      throw Error(Errc::too_large,
                  str_cat("the answer's head is larger than ", kMaxHead, " bytes"));
    }
    const std::string_view line = without_blanks({data, bytes});
    if (line.starts_with("HTTP/")) {
      transfer.head = {};  // of an interim answer, or there was none
      return bytes;
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return bytes;
    transfer.head.fields.push_back({std::string(without_blanks(line.substr(0, colon))),
                                    std::string(without_blanks(line.substr(colon + 1)))});
    return bytes;
  } catch (...) {
    transfer.failure = std::current_exception();
    return 0;
  }
}

/// A transfer and its handle, for the callback that needs both.
struct BodyTarget {
  Transfer* transfer;
  CURL* easy;
};

/// Called by curl for each part of a body.
std::size_t take_body(char* data, std::size_t size, std::size_t count, void* user) noexcept {
  auto& target = *static_cast<BodyTarget*>(user);
  Transfer& transfer = *target.transfer;
  const std::size_t bytes = size * count;
  try {
    long status = 0;
    curl_easy_getinfo(target.easy, CURLINFO_RESPONSE_CODE, &status);
    transfer.head.status = static_cast<int>(status);
    if (transfer.receive(transfer.head, std::as_bytes(std::span(data, bytes))) == Flow::more) {
      return bytes;
    }
    transfer.enough = true;
  } catch (...) {
    transfer.failure = std::current_exception();
  }
  return bytes + 1;  // anything but `bytes` ends it; 0 would not where `bytes` is 0
}

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

template <class T>
void set(CURL* easy, CURLoption option, T value) {
  const CURLcode code = curl_easy_setopt(easy, option, value);
  if (code == CURLE_OK) return;
  throw Error(Errc::unsupported, str_cat("libcurl refuses option ", static_cast<int>(option), ": ",
                                         curl_easy_strerror(code)));
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

/// Runs what was set up on `line` to its end. Throws `Errc::interrupted` on `stop`.
CURLcode run(const Line& line, const std::stop_token& stop) {
  CURLM* multi = line.multi.get();
  if (curl_multi_add_handle(multi, line.easy.get()) != CURLM_OK) throw std::bad_alloc();
  struct Removal {
    const Line& line;
    ~Removal() { curl_multi_remove_handle(line.multi.get(), line.easy.get()); }
  };
  const Removal removal{line};
  const std::stop_callback wake(stop, [multi] { curl_multi_wakeup(multi); });
  for (;;) {
    int running = 0;
    if (const CURLMcode code = curl_multi_perform(multi, &running); code != CURLM_OK) {
      throw Error(Errc::unavailable, curl_multi_strerror(code));
    }
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
      if (message->msg == CURLMSG_DONE) return message->data.result;
    }
    if (stop.stop_requested()) throw Error(Errc::interrupted, "stopped");
    constexpr int kAtMostMs = 1000;
    curl_multi_poll(multi, nullptr, 0, kAtMostMs, nullptr);
  }
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

[[noreturn]] void throw_bad_url(std::string_view text, std::string_view why) {
  constexpr std::size_t kShown = 200;
  std::string_view shown = text.substr(0, std::min(text.find('?'), kShown));
  // What is before the host may be a password.
  if (const auto at = text.rfind('@'); at != std::string_view::npos) shown = {};
  throw Error(Errc::corrupt, str_cat("\"", shown, "\" cannot be used as a URL: ", why));
}

/// A URL that curl is to read: it would encode what is not allowed in one.
void check_characters(std::string_view text) {
  const auto is_plain = [](char c) { return c > ' ' && c < '\x7f'; };
  if (!std::ranges::all_of(text, is_plain)) throw_bad_url("", "it has unusual characters");
}

std::string part_of(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return {};
  return CurlText(text).get();
}

}  // namespace

Url Url::parse(std::string_view text) {
  check_characters(text);
  const CurlUrl url(curl_url());
  if (!url) throw std::bad_alloc();
  const CURLUcode code = curl_url_set(url.get(), CURLUPART_URL, std::string(text).c_str(),
                                      CURLU_DISALLOW_USER | CURLU_PATH_AS_IS);
  if (code != CURLUE_OK) throw_bad_url(text, curl_url_strerror(code));
  curl_url_set(url.get(), CURLUPART_FRAGMENT, nullptr, 0);
  Url parsed;
  parsed.scheme_ = part_of(url.get(), CURLUPART_SCHEME);
  if (parsed.scheme_ != "http" && parsed.scheme_ != "https") {
    throw_bad_url(text, "it is neither http nor https");
  }
  parsed.host_ = lower_case(part_of(url.get(), CURLUPART_HOST));
  parsed.path_ = part_of(url.get(), CURLUPART_PATH);
  parsed.query_ = part_of(url.get(), CURLUPART_QUERY);
  if (!parsed.query_.empty()) parsed.query_.insert(0, 1, '?');
  parsed.origin_ = str_cat(parsed.scheme_, "://", parsed.host_, ":",
                           part_of(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT));
  parsed.text_ = part_of(url.get(), CURLUPART_URL);
  return parsed;
}

Url Url::resolve(std::string_view reference) const {
  check_characters(reference);
  const CurlUrl url(curl_url());
  if (!url) throw std::bad_alloc();
  curl_url_set(url.get(), CURLUPART_URL, text_.c_str(), CURLU_PATH_AS_IS);
  const CURLUcode code = curl_url_set(url.get(), CURLUPART_URL, std::string(reference).c_str(),
                                      CURLU_DISALLOW_USER | CURLU_NON_SUPPORT_SCHEME);
  if (code != CURLUE_OK) throw_bad_url(reference, curl_url_strerror(code));
  return parse(part_of(url.get(), CURLUPART_URL));
}

std::string Url::redacted() const { return text_.substr(0, text_.find('?')); }

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kUnreserved =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    if (kUnreserved.find(c) != std::string_view::npos) {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded += '%';
      encoded += kHex[byte >> 4U];
      encoded += kHex[byte & 0xfU];
    }
  }
  return encoded;
}

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned byte = 0;
    const char* const digits = text.data() + i + 1;
    const bool is_encoded = text[i] == '%' && text.size() - i > 2 &&
                            std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2;
    decoded += is_encoded ? static_cast<char>(byte) : text[i];
    if (is_encoded) i += 2;
  }
  return decoded;
}

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
  std::array<char, CURL_ERROR_SIZE> details{};
  Transfer transfer{.receive = receive, .head = {}, .failure = {}};
  BodyTarget target{&transfer, easy};
  const CurlList fields = field_list(request.fields, request.decode);

  set_up(easy, pool_->options());
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
  set(easy, CURLOPT_HEADERFUNCTION, take_head_line);
  set(easy, CURLOPT_HEADERDATA, &transfer);
  set(easy, CURLOPT_WRITEFUNCTION, take_body);
  set(easy, CURLOPT_WRITEDATA, &target);
  set(easy, CURLOPT_ERRORBUFFER, details.data());

  const CURLcode code = run(line, stop);

  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  transfer.head.status = static_cast<int>(status);
  transfer.head.proxy = shown_proxy(proxy);
  const char* peer = nullptr;
  curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &peer);
  if (proxy.empty() && peer != nullptr) transfer.head.peer = host_kind(peer);
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

  if (transfer.failure) std::rethrow_exception(transfer.failure);
  if (code == CURLE_OK || transfer.enough) return transfer.head;
  const Error cause = failure_of(code, tunnel, details.data(), proxy);
  const Error error(cause.code(), str_cat(to_string(request.method), request.url.redacted(), ": ",
                                          cause.what(), proxy_note(transfer.head.proxy)));
  if (tries_tls && proxy.empty() && code == CURLE_COULDNT_CONNECT) {
    throw NoTls{NoTls::Why::nobody, error};
  }
  // Nobody is far away on this machine: a handshake that takes so long is none.
  const bool no_handshake = (code == CURLE_SSL_CONNECT_ERROR && !speaks_tls(details.data())) ||
                            (code == CURLE_OPERATION_TIMEDOUT && is_loopback);
  if (tries_tls && no_handshake && handshake == 0) throw NoTls{NoTls::Why::other_protocol, error};
  throw error;
}

}  // namespace digestfs::registry
