// SPDX-License-Identifier: Apache-2.0
#include "tests/support/own_address.h"

#include <array>
#include <memory>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include "base/error.h"
#include "base/handle.h"

namespace digestfs::test {

std::optional<std::string> own_address() {
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) throw_system_error("list the addresses of this machine");
  const std::unique_ptr<ifaddrs, Deleter<::freeifaddrs>> all(first);
  for (const ifaddrs* at = first; at != nullptr; at = at->ifa_next) {
    const bool is_usable = (at->ifa_flags & IFF_UP) != 0 && (at->ifa_flags & IFF_LOOPBACK) == 0;
    if (!is_usable || at->ifa_addr == nullptr || at->ifa_addr->sa_family != AF_INET) continue;
    const auto* const address = reinterpret_cast<const sockaddr_in*>(at->ifa_addr);
    std::array<char, INET_ADDRSTRLEN> text{};
    return ::inet_ntop(AF_INET, &address->sin_addr, text.data(), text.size());
  }
  return std::nullopt;
}

}  // namespace digestfs::test
