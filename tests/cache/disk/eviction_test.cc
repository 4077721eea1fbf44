// SPDX-License-Identifier: Apache-2.0
#include "cache/disk/eviction.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <system_error>
#include <vector>

#include <gtest/gtest.h>

#include "base/file.h"
#include "cache/store.h"
#include "tests/support/cache_folder.h"

namespace digestfs::cache {
namespace {

namespace fs = std::filesystem;
using test::content;
using test::keep;
using test::mode_of;
using test::partial_of;
using test::plant;
using test::set_time;

using EvictionTest = test::CacheFolder;

TEST_F(EvictionTest, EvictsWhatWasUsedLeastRecently) {
  const Store store(path(), {.size = 3000, .free_percent = 0});
  const std::array<Digest, 3> old = {keep(store, std::string(1000, 'a')),
                                     keep(store, std::string(1000, 'b'), Area::diffs),
                                     keep(store, std::string(1000, 'c'))};
  for (const Digest& digest : old) store.touch(digest);
  set_time(path("used", old[0]), 2000);
  set_time(path("used", old[1]), 1000);
  set_time(path("used", old[2]), 3000);
  const Digest added = keep(store, std::string(1000, 'd'));
  EXPECT_FALSE(store.open(Area::diffs, old[1])) << "the least recently used one stayed";
  EXPECT_FALSE(fs::exists(path("used", old[1])));
  EXPECT_TRUE(store.open(Area::blobs, old[0]));
  EXPECT_TRUE(store.open(Area::blobs, old[2]));
  EXPECT_TRUE(store.open(Area::blobs, added));
}

TEST_F(EvictionTest, CountsATouchAsUse) {
  const Store store(path(), {.size = 2000, .free_percent = 0});
  const Digest one = keep(store, std::string(1000, 'a'));
  const Digest two = keep(store, std::string(1000, 'b'));
  store.touch(one);
  store.touch(two);
  set_time(path("used", one), 1000);
  set_time(path("used", two), 2000);
  store.touch(one);
  static_cast<void>(keep(store, std::string(1000, 'c')));
  EXPECT_TRUE(store.open(Area::blobs, one));
  EXPECT_FALSE(store.open(Area::blobs, two));
}

TEST_F(EvictionTest, CountsWhatAnEarlierStoreLeft) {
  const StoreLimits limits{.size = 2000, .free_percent = 0};
  const Digest old = keep(Store(path(), limits), std::string(1500, 'a'));
  const Store store(path(), limits);
  static_cast<void>(keep(store, std::string(1500, 'b')));
  EXPECT_FALSE(store.open(Area::blobs, old));
}

TEST_F(EvictionTest, LeavesFilesOfOthersAlone) {
  const Store store(path(), {.size = 1000, .free_percent = 0});
  plant(path() / "blobs/sha256/README", std::string(5000, 'x'));
  static_cast<void>(keep(store, std::string(900, 'a')));
  static_cast<void>(keep(store, std::string(900, 'b')));
  EXPECT_TRUE(fs::exists(path() / "blobs/sha256/README"));
}

TEST_F(EvictionTest, B10ThrowsOutNothingWhereThatDoesNotMakeRoom) {
  const Digest digest = keep(Store(path(), {}), "content");
  const Store store(path(), {.free_percent = 100});
  try {
    store.reserve(1);
    FAIL() << "there is room on a disk of which all must stay free";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_space_on_device);
  }
  EXPECT_TRUE(store.open(Area::blobs, digest)) << "which can be read for as long as it is full";
}

TEST_F(EvictionTest, ForgetsTheUseOfWhatAUserHasRemoved) {
  const Store store(path(), {.free_percent = 0});
  const Digest removed = keep(store, "removed");
  const Digest kept = keep(store, "kept");
  for (const Digest& digest : {removed, kept}) store.touch(digest);
  plant(path() / "used/sha256/README", "not ours");
  fs::remove(path("blobs", removed));
  store.tidy();
  EXPECT_TRUE(fs::exists(path("used", removed))) << "the object may be about to get its name";
  set_time(path("used", removed), 1000);
  store.tidy();
  EXPECT_FALSE(fs::exists(path("used", removed)));
  EXPECT_TRUE(fs::exists(path("used", kept)));
  EXPECT_TRUE(fs::exists(path() / "used/sha256/README"));
}

TEST_F(EvictionTest, ThrowsOutWhatWasBegunAndLeft) {
  const Store store(path(), {.size = 2500, .free_percent = 0});
  static_cast<void>(partial_of(store, "left", std::string(1000, 'l')));
  const Partial held = partial_of(store, "held", std::string(1000, 'h'));
  set_time(path("partial", digest_of("left")), 1000);
  set_time(path("partial", digest_of("held")), 1000);
  const Digest added = keep(store, std::string(1000, 'd'));
  EXPECT_FALSE(fs::exists(path("partial", digest_of("left"))));
  EXPECT_TRUE(fs::exists(path("partial", digest_of("held")))) << "somebody works on it";
  EXPECT_TRUE(store.open(Area::blobs, added));
}

TEST_F(EvictionTest, KeepsWhatCameInsteadUnderItsTrueName) {  // promise 3
  const Store store(path(), {.quarantine = 2500, .free_percent = 0});
  const std::array<std::string, 3> came = {std::string(1000, 'a'), std::string(1000, 'b'),
                                           std::string(1000, 'c')};
  for (const std::string& bytes : came) {
    EXPECT_TRUE(store.quarantine(partial_of(store, "promised", bytes), digest_of(bytes)));
    set_time(path("quarantine", digest_of(bytes)), bytes[0]);
  }
  EXPECT_FALSE(fs::exists(path("partial", digest_of("promised"))));
  EXPECT_FALSE(store.open(Area::quarantine, digest_of(came[0]))) << "the oldest stayed";
  EXPECT_EQ(content(store, Area::quarantine, digest_of(came[1])), came[1]);
  EXPECT_EQ(content(store, Area::quarantine, digest_of(came[2])), came[2]);
  EXPECT_EQ(mode_of(path("quarantine", digest_of(came[2]))), 0444U);

  const std::string large(2501, 'x');
  EXPECT_FALSE(store.quarantine(partial_of(store, "promised", large), digest_of(large)));
  EXPECT_FALSE(store.open(Area::quarantine, digest_of(large)));
  EXPECT_FALSE(fs::exists(path("partial", digest_of("promised"))));
  EXPECT_TRUE(store.open(Area::quarantine, digest_of(came[1]))) << "thrown out for nothing";
}

TEST_F(EvictionTest, ThrowsOutWhatCameInsteadBeforeAnythingElse) {
  const Store store(path(), {.free_percent = 0});
  const Digest good = keep(store, "good");
  const std::string bad(20U << 20U, 'b');
  EXPECT_TRUE(store.quarantine(partial_of(store, "promised", bad), digest_of(bad)));
  // Others write to the disk meanwhile.
  store.reserve(fs::space(path()).available + (10U << 20U));
  EXPECT_FALSE(store.open(Area::quarantine, digest_of(bad)));
  EXPECT_TRUE(store.open(Area::blobs, good));
}

TEST_F(EvictionTest, ThrowsOutWhatIsMissingAndNoMore) {
  const Store store(path(), {.free_percent = 0});
  std::vector<Digest> kept;
  for (char c = 'a'; c < 'k'; ++c) kept.push_back(keep(store, std::string(10U << 20U, c)));
  // Others write to the disk meanwhile; half of what is there is room enough for that.
  store.reserve(fs::space(path()).available + (5U << 20U));
  EXPECT_GE(
      std::ranges::count_if(
          kept, [&](const Digest& digest) { return store.open(Area::blobs, digest).has_value(); }),
      5);
  EXPECT_FALSE(store.open(Area::blobs, kept[0]));
}

TEST_F(EvictionTest, ThrowsOutNothingForWhatCannotBeKept) {
  const Store store(path(), {.free_percent = 0});
  const Digest good = keep(store, "good");
  EXPECT_THROW(store.reserve(UINT64_MAX / 2), std::system_error);
  EXPECT_TRUE(store.open(Area::blobs, good));
}

TEST_F(EvictionTest, ReservesWithoutEvictingWhereThereIsRoom) {
  const Store store(path(), {.free_percent = 0});
  const Digest digest = keep(store, "content");
  store.reserve(1);
  EXPECT_TRUE(store.open(Area::blobs, digest));
}

TEST_F(EvictionTest, KeepsWhatIsInUse) {
  const Store one(path(), {.size = 1000, .free_percent = 0});
  const Store two(path(), {.size = 1000, .free_percent = 0});
  const Digest digest = keep(one, std::string(1000, 'a'));
  auto open = one.open(Area::blobs, digest);
  static_cast<void>(keep(two, std::string(1000, 'b')));
  two.tidy();
  EXPECT_TRUE(one.open(Area::blobs, digest)) << "throwing it out would have freed nothing";
  open.reset();
  two.tidy();
  const auto left = two.open(Area::blobs, digest_of(std::string(1000, 'b')));
  EXPECT_NE(one.open(Area::blobs, digest).has_value(), left.has_value());
}

TEST_F(EvictionTest, ThrowsOutNothingForWhatIsInUseAndTooLarge) {
  const Store store(path(), {.size = 1000, .free_percent = 0});
  const Digest small = keep(store, "small");
  const Digest large = keep(store, std::string(5000, 'a'));
  EXPECT_TRUE(store.open(Area::blobs, large));
  EXPECT_TRUE(store.open(Area::blobs, small)) << "the bound is not kept without it either";
  set_time(path("blobs", small), 1000);
  const Digest next = keep(store, "next");
  EXPECT_TRUE(store.open(Area::blobs, next));
  EXPECT_FALSE(store.open(Area::blobs, large)) << "nobody uses it any more";
  EXPECT_TRUE(store.open(Area::blobs, small)) << "what can never fit goes first";
}

// The bound holds whoever has added what is there, and whatever was open then.
TEST_F(EvictionTest, KeepsTheBoundWithoutAnythingBeingAdded) {
  const StoreLimits limits{.size = 2000, .free_percent = 0};
  for (char c = 'a'; c < 'k'; ++c) {
    static_cast<void>(keep(Store(path(), {.free_percent = 0}), std::string(1000, c)));
  }
  const Store store(path(), limits);
  store.tidy();
  EXPECT_EQ(std::distance(fs::directory_iterator(path() / "blobs/sha256"), {}), 2);
}

TEST_F(EvictionTest, DoesNotCountOnWhatIsInUseForRoomOnTheDisk) {
  const Store store(path(), {.free_percent = 0});
  const Digest used = keep(store, std::string(20U << 20U, 'a'));
  const Digest unused = keep(store, std::string(1U << 20U, 'b'));
  const auto open = store.open(Area::blobs, used);
  EXPECT_THROW(store.reserve(fs::space(path()).available + (10U << 20U)), std::system_error);
  EXPECT_TRUE(store.open(Area::blobs, used));
  EXPECT_TRUE(store.open(Area::blobs, unused)) << "thrown out for nothing";
}

TEST_F(EvictionTest, GoesOnTidyingUpAfterADraftOfTheFolderItself) {
  const Store store(path(), {.free_percent = 0});
  const Digest removed = keep(store, "removed");
  store.touch(removed);
  fs::remove(path("blobs", removed));
  set_time(path("used", removed), 1000);
  plant(path() / "CACHEDIR.TAG.123.4.new", "left by a process that was killed");
  store.tidy();
  EXPECT_FALSE(fs::exists(path() / "CACHEDIR.TAG.123.4.new"));
  EXPECT_FALSE(fs::exists(path("used", removed))) << "what comes after the drafts was not done";
}

TEST_F(EvictionTest, RemovesPartialFilesThatNobodyGoesOnWith) {
  const Store store(path(), {});
  const Digest digest = digest_of("content");
  plant(path("partial", digest).native() + ".123.4", "left by a process that was killed");
  plant(path("partial", digest), "cont");
  plant(path("partial", digest).native() + ".mine", "of somebody else");
  Partial own = make_named_partial(store.directory(), digest);
  store.tidy();
  EXPECT_FALSE(fs::exists(path("partial", digest).native() + ".123.4"));
  EXPECT_TRUE(fs::exists(path("partial", digest))) << "a download that goes on";
  EXPECT_TRUE(fs::exists(path("partial", digest).native() + ".mine"));
  EXPECT_TRUE(fs::exists(path() / own.path())) << "somebody works on it";
}

}  // namespace
}  // namespace digestfs::cache
