// SPDX-License-Identifier: Apache-2.0
#include "registry/host_kind.h"

#include <cstdint>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "registry/field.h"

namespace digestfs::registry {
namespace {

HostKind kind_of_v4(std::uint32_t address) noexcept {
  const auto is_in = [address](std::uint32_t network, unsigned bits) {
    return (address >> (32U - bits)) == (network >> (32U - bits));
  };
  if (is_in(0x7f000000U, 8)) return HostKind::loopback;
  if (is_in(0x0a000000U, 8) || is_in(0xac100000U, 12) || is_in(0xc0a80000U, 16)) {
    return HostKind::private_net;
  }
  if (is_in(0xa9fe0000U, 16)) return HostKind::link_local;
  if (is_in(0, 8)) return HostKind::unspecified;
  return HostKind::name;
}

HostKind kind_of_v6(const in6_addr& address) noexcept {
  if (IN6_IS_ADDR_V4MAPPED(&address) || IN6_IS_ADDR_V4COMPAT(&address)) {
    const std::uint32_t inner =
        (std::uint32_t{address.s6_addr[12]} << 24U) | (std::uint32_t{address.s6_addr[13]} << 16U) |
        (std::uint32_t{address.s6_addr[14]} << 8U) | std::uint32_t{address.s6_addr[15]};
    return kind_of_v4(inner);
  }
  if (IN6_IS_ADDR_LOOPBACK(&address)) return HostKind::loopback;
  if (IN6_IS_ADDR_UNSPECIFIED(&address)) return HostKind::unspecified;
  if (IN6_IS_ADDR_LINKLOCAL(&address)) return HostKind::link_local;
  if ((address.s6_addr[0] & 0xfeU) == 0xfcU) return HostKind::private_net;
  return HostKind::name;
}

}  // namespace

HostKind host_kind(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.ends_with('.')) host.remove_suffix(1);
  constexpr std::string_view kLocalhost = "localhost";
  constexpr std::string_view kBelowLocalhost = ".localhost";
  if (equals_folded(host, kLocalhost) ||
      (host.size() > kBelowLocalhost.size() &&
       equals_folded(host.substr(host.size() - kBelowLocalhost.size()), kBelowLocalhost))) {
    return HostKind::loopback;
  }
  const std::string text(host);
  in_addr v4{};
  if (::inet_aton(text.c_str(), &v4) != 0) return kind_of_v4(ntohl(v4.s_addr));
  in6_addr v6{};
  if (::inet_pton(AF_INET6, text.c_str(), &v6) == 1) return kind_of_v6(v6);
  return HostKind::name;
}

}  // namespace digestfs::registry
