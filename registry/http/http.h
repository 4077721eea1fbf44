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

/// How far the other side's certificate is believed.
enum class Trust {
  verified,  ///< it must be valid by the system's authorities, or those that were added
  anyone,    ///< any will do, and none: this machine (TLS-4), or by `--tls-verify=false` (TLS-3)
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
  std::string form = {};                             ///< what a POST sends, URL-encoded
  std::optional<std::chrono::seconds> longest = {};  ///< for all of it; unbounded otherwise
  bool decode = false;  ///< undo a content coding of the answer, instead of keeping what was sent
  /// Of the host that is asked, or null. Must outlive the exchange.
  const Certificates* certificates = nullptr;
};

/// Status and fields of an answer; interim answers (1xx) are not seen.
struct HttpHead {
  int status = 0;
  std::vector<Field> fields = {};
  std::string proxy =
      {};  ///< through which it came, without a password; empty where there was none
  /// Of the address that it came from; `name`, too, where a proxy was asked.
  HostKind peer = HostKind::name;

  /// The first field of that name, in any case.
  [[nodiscard]] std::optional<std::string> field(std::string_view name) const;
  /// All of them.
  [[nodiscard]] std::vector<std::string> all(std::string_view name) const;
};

/// Whether a status is one of 2xx.
[[nodiscard]] constexpr bool is_success(int status) noexcept {
  return status >= 200 && status < 300;
}

/// What a receiver says to a part of a body.
enum class Flow {
  more,    ///< go on
  enough,  ///< the rest is not wanted; the connection is given up
};

/// Takes the body of an answer, part by part. What it throws ends the transfer and reaches the
/// caller.
using Receive = std::function<Flow(const HttpHead& head, std::span<const std::byte> part)>;

struct HttpOptions {
  /// The longest that a transfer may stand still, connecting included.
  std::chrono::seconds stall{30};
  std::string user_agent;
};

/// Thrown where https with `Trust::anyone`, which refuses no certificate, finds nobody who speaks
/// TLS (TLS-5).
struct NoTls {
  enum class Why {
    other_protocol,  ///< somebody answers, and not by a TLS handshake
    nobody,          ///< the port is closed
  };
  Why why;
  Error error;
};

/// Single HTTP exchanges over kept connections. The one place that opens sockets and knows
/// libcurl. Follows no redirect, knows no cookie, netrc or HSTS, and no content coding unless told
/// to: what comes is what was sent (HTTP-2, HTTP-3, EP-8, VER-9). Safe for concurrent use.
class Http {
 public:
  explicit Http(HttpOptions options);
  Http(const Http&) = delete;
  Http& operator=(const Http&) = delete;
  ~Http();

  /// Sends `request`; the body of the answer goes to `receive`. Throws `Error`: `unavailable` where
  /// there is no connection or it breaks, a short body included (RTY-8); `untrusted` where the
  /// other side's certificate, or one of ours, will not do; `denied` by a proxy; `timed_out` where
  /// it stalls; `corrupt` where the answer is no HTTP; `interrupted` on `stop`. The message says
  /// what failed and names the URL without its query.
  [[nodiscard]] HttpHead perform(const HttpRequest& request, const Receive& receive,
                                 std::stop_token stop);

 private:
  class Pool;
  std::unique_ptr<Pool> pool_;
};

}  // namespace digestfs::registry
