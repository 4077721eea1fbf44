// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "registry/http/certificates.h"
#include "registry/http/host_kind.h"
#include "registry/http/url.h"

namespace digestfs::registry {

/// Which certificates of a server are accepted.
enum class Trust {
  verified,  ///< One that the system's authorities, or those that were added, have signed.
  anyone,    ///< Any, or none: on this machine (TLS-4), or by `--tls-verify=false` (TLS-3).
};

enum class Method { get, head, post };

/// One line of a head.
struct Field {
  std::string name;
  std::string value;
};

struct HttpRequest {
  Method method = Method::get;
  Url url;
  std::vector<Field> fields = {};
  Trust trust = Trust::verified;
  std::string form = {};  ///< The body of a POST, URL-encoded.
  /// The longest that the whole exchange may take. Unbounded if absent.
  std::optional<std::chrono::seconds> longest = {};
  /// The server may speak no TLS: `NoTls` is thrown then, and not an `Error`.
  bool is_tls_tried = false;
  bool decode = false;  ///< Undo a content coding of the answer, instead of keeping what was sent.
  /// The certificates for the host that is asked, or null.
  std::shared_ptr<const Certificates> certificates = {};
  /// Is called with the kind of the address that we are connected to, before any of the request is
  /// sent. An exception ends the exchange and reaches the caller. Is not called if a proxy is
  /// asked: the proxy resolves the name.
  std::function<void(HostKind peer)> check_peer = {};
};

/// Status and fields of an answer. Interim answers (1xx) do not appear.
struct HttpHead {
  int status = 0;
  std::vector<Field> fields = {};
  /// The proxy that the answer came through, without its password. Empty if there was none.
  std::string proxy = {};
  /// The kind of the address that answered. It is `name` if a proxy was asked.
  HostKind peer = HostKind::name;

  /// Returns the value of the first field of this name, whatever its case.
  [[nodiscard]] std::optional<std::string> field(std::string_view name) const;
  /// Returns the values of all fields of this name.
  [[nodiscard]] std::vector<std::string> all(std::string_view name) const;
};

/// Returns true for a status from 200 to 299.
[[nodiscard]] constexpr bool is_success(int status) noexcept {
  return status >= 200 && status < 300;
}

/// What a receiver answers to a part of a body.
enum class Flow {
  more,    ///< Go on.
  enough,  ///< The rest is not wanted. The connection is closed.
};

/// Takes the body of an answer part by part. An exception ends the transfer and reaches the caller
/// of `Http::perform`.
using Receive = std::function<Flow(const HttpHead& head, std::span<const std::byte> part)>;

struct HttpOptions {
  /// The longest that a transfer may stand still, connecting included.
  std::chrono::seconds stall{30};
  std::string user_agent;
};

/// Is thrown if a request by https that tries TLS, with `Trust::anyone`, which refuses no
/// certificate, finds no server that speaks TLS (TLS-5).
struct NoTls {
  enum class Why {
    other_protocol,  ///< A server answers, but not with a TLS handshake.
    nobody,          ///< The port is closed.
  };
  Why why;
  Error error;
};

/// Single HTTP exchanges over connections that are kept. This is the one place that opens sockets.
/// It follows no redirect, uses no cookies, netrc or HSTS, and undoes no content coding unless a
/// request says so: the receiver gets what was sent (HTTP-2, HTTP-3, EP-8, VER-9). Safe for
/// concurrent use.
class Http {
 public:
  explicit Http(HttpOptions options);
  Http(const Http&) = delete;
  Http& operator=(const Http&) = delete;
  ~Http();

  /// Sends `request`, passes the body of the answer to `receive`, and returns the head. Throws
  /// `Error`: `unavailable` if there is no connection or it breaks, also within the body (RTY-8),
  /// but not within the text of a refusal, which counts as it is; `untrusted` if the server's
  /// certificate, or one of ours, is not accepted; `denied` if a proxy refuses; `timed_out` if the
  /// transfer stalls; `corrupt` if the answer is no HTTP; `interrupted` on `stop`. The message says
  /// what failed and names the URL without its query.
  [[nodiscard]] HttpHead perform(const HttpRequest& request, const Receive& receive,
                                 std::stop_token stop);

 private:
  class Pool;

  [[nodiscard]] HttpHead exchange(const HttpRequest& request, const Receive& receive,
                                  const std::stop_token& stop, const std::string* authorities);

  std::unique_ptr<Pool> pool_;
};

/// Returns the name and the version of the library that speaks HTTP.
[[nodiscard]] std::string http_library();

}  // namespace digestfs::registry
