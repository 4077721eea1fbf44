// SPDX-License-Identifier: Apache-2.0
#include "registry/http/host_kind.h"

#include <gtest/gtest.h>

namespace digestfs::registry {
namespace {

TEST(HostKind, R5IsReadOffTheText) {  // TLS-4, AUTH-14
  const std::pair<const char*, HostKind> hosts[] = {
      {"localhost", HostKind::loopback},
      {"LOCALHOST", HostKind::loopback},
      {"localhost.", HostKind::loopback},
      {"registry.localhost", HostKind::loopback},
      {"127.0.0.1", HostKind::loopback},
      {"127.1", HostKind::loopback},
      {"0x7f.0.0.1", HostKind::loopback},
      {"2130706433", HostKind::loopback},
      {"[::1]", HostKind::loopback},
      {"::1", HostKind::loopback},
      {"[::ffff:127.0.0.1]", HostKind::loopback},
      {"169.254.169.254", HostKind::link_local},
      {"[::ffff:169.254.169.254]", HostKind::link_local},
      {"[fe80::1]", HostKind::link_local},
      {"10.1.2.3", HostKind::private_net},
      {"172.16.0.1", HostKind::private_net},
      {"172.31.255.255", HostKind::private_net},
      {"192.168.0.1", HostKind::private_net},
      {"[fd00::1]", HostKind::private_net},
      {"0.0.0.0", HostKind::unspecified},
      {"[::]", HostKind::unspecified},
      {"255.255.255.255", HostKind::unspecified},
      {"224.0.0.1", HostKind::unspecified},
      {"[ff02::1]", HostKind::unspecified},
      {"100.64.0.1", HostKind::private_net},
      {"100.100.100.200", HostKind::link_local},
      {"[fd00:ec2::254]", HostKind::link_local},
      {"[64:ff9b::a9fe:a9fe]", HostKind::link_local},
      {"[2002:a9fe:a9fe::1]", HostKind::link_local},
      {"[64:ff9b::808:808]", HostKind::name},
      {"100.128.0.1", HostKind::name},
      {"172.32.0.1", HostKind::name},
      {"8.8.8.8", HostKind::name},
      {"[2001:db8::1]", HostKind::name},
      {"quay.io", HostKind::name},
      {"127.example.org", HostKind::name},
      {"notlocalhost", HostKind::name},
      {"localhost.example.org", HostKind::name},
      {"", HostKind::name},
  };
  for (const auto& [host, kind] : hosts) EXPECT_EQ(host_kind(host), kind) << host;
}

}  // namespace
}  // namespace digestfs::registry
