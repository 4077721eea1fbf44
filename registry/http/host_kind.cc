// SPDX-License-Identifier: Apache-2.0
#include "registry/http/host_kind.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "registry/http/field.h"

namespace digestfs::registry {
namespace {

HostKind kind_of_v4(std::uint32_t address) noexcept {
  const auto is_in = [address](std::uint32_t network, unsigned bits) {
    return (address >> (32U - bits)) == (network >> (32U - bits));
  };
  if (is_in(0x7f000000U, 8)) return HostKind::loopback;
  // 100.100.100.200 is one cloud's place for the metadata of its machines.
  if (is_in(0xa9fe0000U, 16) || is_in(0x646464c8U, 32)) return HostKind::link_local;
  // RFC 1918, and what carriers use between their customers and themselves (RFC 6598).
  if (is_in(0x0a000000U, 8) || is_in(0xac100000U, 12) || is_in(0xc0a80000U, 16) ||
      is_in(0x64400000U, 10)) {
    return HostKind::private_net;
  }
  // No host in particular, groups of hosts, and reserved addresses.
  if (is_in(0, 8) || is_in(0xe0000000U, 3)) return HostKind::unspecified;
  return HostKind::name;
}

HostKind kind_of_v6(const in6_addr& address) noexcept {
  if (IN6_IS_ADDR_LOOPBACK(&address)) return HostKind::loopback;
  if (IN6_IS_ADDR_UNSPECIFIED(&address)) return HostKind::unspecified;
  const auto v4_at = [&address](std::size_t byte) {
    return (std::uint32_t{address.s6_addr[byte]} << 24U) |
           (std::uint32_t{address.s6_addr[byte + 1]} << 16U) |
           (std::uint32_t{address.s6_addr[byte + 2]} << 8U) |
           std::uint32_t{address.s6_addr[byte + 3]};
  };
  // An address that stands for one of IPv4, also by NAT64 (RFC 6052) and 6to4 (RFC 3056).
  constexpr std::array<std::uint8_t, 12> kNat64 = {0, 0x64, 0xff, 0x9b};
  const bool is_nat64 = std::equal(kNat64.begin(), kNat64.end(), std::begin(address.s6_addr));
  if (IN6_IS_ADDR_V4MAPPED(&address) || IN6_IS_ADDR_V4COMPAT(&address) || is_nat64) {
    return kind_of_v4(v4_at(12));
  }
  if (address.s6_addr[0] == 0x20 && address.s6_addr[1] == 0x02) return kind_of_v4(v4_at(2));
  if (IN6_IS_ADDR_MULTICAST(&address)) return HostKind::unspecified;
  // Where a cloud keeps the metadata of its machines, as at 169.254.169.254.
  constexpr std::array<std::uint8_t, 16> kMetadata = {0xfd, 0, 0x0e, 0xc2, 0, 0, 0,    0,
                                                      0,    0, 0,    0,    0, 0, 0x02, 0x54};
  if (std::equal(kMetadata.begin(), kMetadata.end(), std::begin(address.s6_addr))) {
    return HostKind::link_local;
  }
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
