// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace digestfs::registry {

/// What kind of host a URL names, as far as its text tells. No name is resolved.
enum class HostKind {
  name,         ///< A name other than localhost, or a public address.
  loopback,     ///< This machine: 127/8, ::1, localhost, *.localhost.
  private_net,  ///< RFC 1918, RFC 6598, fc00::/7.
  link_local,   ///< 169.254/16, fe80::/10: the metadata servers of clouds are there.
  unspecified,  ///< 0/8, ::, and addresses of groups.
};

/// Returns the kind of `host`, which is written as in a URL: IPv6 with or without brackets, IPv4 in
/// any spelling that inet_aton(3) takes.
[[nodiscard]] HostKind host_kind(std::string_view host);

}  // namespace digestfs::registry
