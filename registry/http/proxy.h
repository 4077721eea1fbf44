// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "registry/http/url.h"

namespace digestfs::registry {

/// The variables of the environment that say which proxies to use (PRX-1).
struct ProxyVariables {
  std::string https;     ///< HTTPS_PROXY, or else ALL_PROXY.
  std::string http;      ///< HTTP_PROXY (not in a CGI program), or else ALL_PROXY.
  std::string no_proxy;  ///< NO_PROXY.

  /// Reads the variables, whose names may be in upper or lower case.
  [[nodiscard]] static ProxyVariables of_environment();
};

/// Returns the URL of the proxy for `url` as the variable has it, or an empty text if there is
/// none. This machine is never asked through a proxy. NO_PROXY is understood as Go's clients
/// understand it: a host and everything below it, `.below.only`, an address, a network as CIDR,
/// each with or without a port, and `*`.
[[nodiscard]] std::string proxy_of(const Url& url, const ProxyVariables& variables);

/// Returns the URL of a proxy without user and password, for messages.
[[nodiscard]] std::string shown_proxy(std::string_view proxy);

}  // namespace digestfs::registry
