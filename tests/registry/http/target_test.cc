// SPDX-License-Identifier: Apache-2.0
#include "registry/http/target.h"

#include <gtest/gtest.h>

#include "registry/http/http.h"
#include "tests/support/fake_registry.h"

namespace digestfs::registry {
namespace {

const Url kName = Url::parse("https://store.example.org/blob");

/// What becomes of following `from`, reached at `reached`, to `kName` at an address of kind `peer`.
bool is_let_through(HostKind reached, HostKind peer, bool insecure = false) {
  const Sender from{Url::parse("https://registry.example.org"), reached};
  try {
    check_peer(from, kName, peer, Errand::content, Errc::corrupt, insecure);
    return true;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::corrupt);
    EXPECT_NE(std::string(error.what()).find("store.example.org"), std::string::npos);
    return false;
  }
}

// A name that resolves to an address inside the network passed where the address itself did not.
TEST(Target, A8RefusesANameThatStandsForAnAddressInsideTheNetwork) {  // AUTH-14
  EXPECT_TRUE(is_let_through(HostKind::name, HostKind::name));
  EXPECT_FALSE(is_let_through(HostKind::name, HostKind::private_net));
  EXPECT_TRUE(is_let_through(HostKind::name, HostKind::private_net, true));
  for (const HostKind peer : {HostKind::loopback, HostKind::link_local, HostKind::unspecified}) {
    EXPECT_FALSE(is_let_through(HostKind::name, peer));
    EXPECT_FALSE(is_let_through(HostKind::name, peer, true));
  }
}

TEST(Target, LetsAServerInsideANetworkLeadThereByName) {
  EXPECT_TRUE(is_let_through(HostKind::private_net, HostKind::private_net));
  EXPECT_TRUE(is_let_through(HostKind::loopback, HostKind::loopback));
  EXPECT_TRUE(is_let_through(HostKind::loopback, HostKind::private_net));
  EXPECT_FALSE(is_let_through(HostKind::private_net, HostKind::loopback));
  EXPECT_FALSE(is_let_through(HostKind::private_net, HostKind::link_local));
}

// The address was known only after the request, with its credentials, had been sent.
TEST(Http, ChecksTheAddressBeforeAnythingIsSent) {  // AUTH-14
  test::FakeRegistry fake;
  Http http({.user_agent = "digestfs/test"});
  const Receive ignore = [](const HttpHead&, std::span<const std::byte>) { return Flow::enough; };
  HttpRequest request{.url = Url::parse("http://" + fake.address() + "/v2/")};
  HostKind seen = HostKind::name;
  request.check_peer = [&](HostKind peer) {
    seen = peer;
    throw Error(Errc::denied, "not there");
  };
  for (int i = 0; i < 2; ++i) {  // a new connection, and a kept one
    try {
      static_cast<void>(http.perform(request, ignore, {}));
      ADD_FAILURE() << "it was sent";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::denied);
    }
    EXPECT_EQ(seen, HostKind::loopback);
    EXPECT_TRUE(fake.requests().empty());
  }
  request.check_peer = [&](HostKind peer) { seen = peer; };
  static_cast<void>(http.perform(request, ignore, {}));
  EXPECT_EQ(fake.requests().size(), 1U);
}

}  // namespace
}  // namespace digestfs::registry
