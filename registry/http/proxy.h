// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "registry/http/url.h"

namespace digestfs::registry {

/// The variables that say which proxies to use (PRX-1).
struct ProxyVariables {
  std::string https;     ///< HTTPS_PROXY, else ALL_PROXY
  std::string http;      ///< HTTP_PROXY, unless we are a CGI program; else ALL_PROXY
  std::string no_proxy;  ///< NO_PROXY

  /// As they are now, in upper or lower case.
  [[nodiscard]] static ProxyVariables of_environment();
};

/// The URL of the proxy through which `url` is asked for, as the variable has it; empty where there
/// is to be none. This machine is never asked through one. NO_PROXY is understood as Go's clients
/// do: hosts with what is below them, `.below.only`, addresses, networks as CIDR, each with a port
/// or without, and `*`.
[[nodiscard]] std::string proxy_of(const Url& url, const ProxyVariables& variables);

/// A proxy for people: without user and password.
[[nodiscard]] std::string shown_proxy(std::string_view proxy);

}  // namespace digestfs::registry
