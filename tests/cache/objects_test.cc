// SPDX-License-Identifier: Apache-2.0
#include "cache/objects.h"

#include <string>

#include <gtest/gtest.h>

#include "base/text.h"
#include "tests/cache/content_fixture.h"

namespace digestfs::cache {
namespace {

TEST(Objects, ForgetWhatWasOnlyGuessed) {
  MemorySource source;
  Objects objects;
  const Origin origin{&source, Endpoint::manifests};
  objects.meet(digest_of("guess"), origin, std::nullopt);
  objects.meet(digest_of("claimed"), origin, 7);
  objects.meet(digest_of("proven"), origin, std::nullopt);
  objects.prove_size(digest_of("proven"), 6);
  for (const std::string name : {"guess", "claimed", "proven", "unknown"}) {
    objects.forget_guess(digest_of(name));
  }
  EXPECT_EQ(objects.count(), 2U);
  EXPECT_TRUE(objects.find(digest_of("guess")).origins.empty());
}

using ObjectsTest = ContentTest;

// Memory grew with each digest that a caller looked up and that nobody has.
TEST_F(ObjectsTest, ThatAreLookedUpAndNotFoundAreForgotten) {
  for (const Network network : {Network::allowed, Network::offline}) {
    Mount mount(cache(), source_, network);
    const Digest digest = digest_of("nobody has it");
    mount.content.meet(digest, Endpoint::manifests, std::nullopt);
    EXPECT_TRUE(mount.content.size(digest));
    EXPECT_EQ(mount.failure(digest),
              network == Network::allowed ? Errc::not_found : Errc::timed_out);
    EXPECT_FALSE(mount.content.size(digest)) << "it is still remembered";
  }
}

}  // namespace
}  // namespace digestfs::cache
