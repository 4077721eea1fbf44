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
  objects.guess(digest_of("guess"), origin);
  objects.guess(digest_of("proven"), origin);
  objects.prove_size(digest_of("proven"), 6);
  // Schema 1 gives its layers no sizes, and a redirect gives none of a blob that was looked for.
  objects.meet(digest_of("named"), origin, std::nullopt);
  objects.guess(digest_of("confirmed"), origin);
  objects.confirm(digest_of("confirmed"));
  for (const std::string name : {"guess", "proven", "named", "confirmed", "unknown"}) {
    objects.forget_guess(digest_of(name));
  }
  EXPECT_EQ(objects.count(), 3U);
  EXPECT_TRUE(objects.find(digest_of("guess")).origins.empty());
}

using ObjectsTest = ContentTest;

// Memory grew with each digest that a caller looked up and that nobody has.
TEST_F(ObjectsTest, ThatAreLookedUpAndNotFoundAreForgotten) {
  for (const Network network : {Network::allowed, Network::offline}) {
    Mount mount(cache(), source_, network);
    const Digest digest = digest_of("nobody has it");
    mount.content.guess(digest, Endpoint::manifests);
    EXPECT_TRUE(mount.content.size(digest));
    EXPECT_EQ(mount.failure(digest),
              network == Network::allowed ? Errc::not_found : Errc::timed_out);
    EXPECT_FALSE(mount.content.size(digest)) << "it is still remembered";
  }
}

// A second open of a layer to which schema 1 gives no size was told that there is none.
TEST_F(ObjectsTest, ThatADocumentNamesWithoutASizeFailAlikeEachTime) {
  const Digest digest = digest_of("a layer");
  {
    Mount mount(cache(), source_, Network::offline);
    mount.content.meet(digest, Endpoint::blobs, std::nullopt);
    EXPECT_EQ(mount.failure(digest), Errc::timed_out);
    EXPECT_EQ(mount.failure(digest), Errc::timed_out);
  }
  Mount mount(cache(), source_);
  mount.content.meet(digest, Endpoint::blobs, std::nullopt);
  EXPECT_EQ(mount.failure(digest), Errc::not_found);
  EXPECT_TRUE(mount.content.size(digest)) << "it is forgotten";
}

}  // namespace
}  // namespace digestfs::cache
