// SPDX-License-Identifier: Apache-2.0
#include "cache/disk/hints.h"

#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "tests/support/cache_folder.h"

namespace digestfs::cache {
namespace {

namespace fs = std::filesystem;
using test::keep;
using test::plant;
using test::set_time;

class HintsTest : public test::CacheFolder {
 protected:
  static void write(const Store& store, Hint hint, const Digest& digest, std::string_view bytes) {
    store.write_hint(hint, digest, [&](ByteSink& file) { file.write(as_bytes(bytes)); });
  }
  static std::string read(const Store& store, Hint hint, const Digest& digest) {
    const auto file = open(store, hint, digest);
    return file ? read_rest(file->get(), 1000) : "none";
  }
  static std::optional<UniqueFd> open(const Store& store, Hint hint, const Digest& digest) {
    auto object = store.open(Area::blobs, digest);
    if (!object) object = store.open(Area::diffs, digest);
    return object ? store.open_hint(hint, digest, object->get()) : std::nullopt;
  }
};

TEST_F(HintsTest, AreReplacedAsAWhole) {
  const Store store(path(), {.free_percent = 0});
  const Digest digest = keep(store, "object");
  EXPECT_FALSE(open(store, Hint::sums, digest));
  write(store, Hint::sums, digest, "one");
  write(store, Hint::sums, digest, "two, longer");
  write(store, Hint::tree, digest, "tree");
  EXPECT_EQ(read(store, Hint::sums, digest), "two, longer");
  EXPECT_EQ(read(store, Hint::tree, digest), "tree");
  store.write_hint(Hint::sums, digest, [](ByteSink& file) {
    file.write(as_bytes("half of"));
    throw Error(Errc::too_large, "too large");
  });
  EXPECT_EQ(read(store, Hint::sums, digest), "two, longer") << "and nothing is thrown";
  store.remove_hint(Hint::sums, digest);
  EXPECT_FALSE(open(store, Hint::sums, digest));
  for (const char* folder : {"sums/sha256", "trees/sha256"}) {
    for (const auto& entry : fs::directory_iterator(path() / folder)) {
      EXPECT_EQ(entry.path().filename(), digest.encoded()) << "a draft was left";
    }
  }
}

TEST_F(HintsTest, DoNoHarmWhereTheyCannotBeWritten) {
  const Store store(path(), {.free_percent = 0});
  const Digest digest = keep(store, "object");
  test::put_in_the_way(path("sums", digest), "link");
  EXPECT_FALSE(open(store, Hint::sums, digest)) << "a link is not followed";
  write(store, Hint::sums, digest, "sums");
  EXPECT_EQ(read(store, Hint::sums, digest), "sums");
  const Store full(path(), {.free_percent = 100});
  write(full, Hint::tree, digest, "tree");
  EXPECT_FALSE(open(full, Hint::tree, digest)) << "all of the disk is to stay free";
  EXPECT_TRUE(full.open(Area::blobs, digest)) << "nothing is thrown out for a hint";
}

TEST_F(HintsTest, OfOtherUsersAreNotBelieved) {
  const Store store(path(), {.free_percent = 0});
  const Digest digest = keep(store, "object");
  write(store, Hint::sums, digest, "sums");
  fs::permissions(path("sums", digest), fs::perms(0620));
  EXPECT_FALSE(open(store, Hint::sums, digest)) << "somebody else may write to it";
  write(store, Hint::sums, digest, "sums");
  EXPECT_TRUE(open(store, Hint::sums, digest));
  fs::permissions(path("blobs", digest), fs::perms(0464));
  EXPECT_FALSE(open(store, Hint::sums, digest)) << "somebody else may write to the object";
  fs::permissions(path("blobs", digest), fs::perms(0444));
  EXPECT_TRUE(open(store, Hint::sums, digest));
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  ASSERT_EQ(::chown(path("sums", digest).c_str(), 65534, 65534), 0);
  EXPECT_FALSE(open(store, Hint::sums, digest));
}

// Whoever may write to the folder can put an object, a hint, or a folder of them in place of
// another.
TEST_F(HintsTest, AreNeitherReadNorWrittenWhereOthersMayWriteToTheCache) {
  const Store store(path(), {.free_percent = 0});
  const Digest digest = keep(store, "object");
  write(store, Hint::sums, digest, "sums");
  for (const unsigned mode : {0770U, 0702U}) {
    fs::permissions(path(), fs::perms(mode));
    EXPECT_EQ(read(store, Hint::sums, digest), "none");
    write(store, Hint::tree, digest, "tree");
    EXPECT_FALSE(fs::exists(path("trees", digest)));
  }
  fs::permissions(path(), fs::perms(0755));
  EXPECT_EQ(read(store, Hint::sums, digest), "sums");
}

TEST_F(HintsTest, CountAndGoWithTheirObject) {
  const Store store(path(), {.size = 3000, .free_percent = 0});
  const Digest old = keep(store, std::string(1000, 'a'));
  const Digest young = keep(store, std::string(1000, 'b'));
  for (const Digest& digest : {old, young}) store.touch(digest);
  set_time(path("used", old), 1000);
  write(store, Hint::sums, old, std::string(400, 's'));
  write(store, Hint::tree, old, std::string(400, 't'));
  EXPECT_TRUE(store.open(Area::blobs, old));
  EXPECT_EQ(bytes_beside(store.directory(), "sha256/" + std::string(old.encoded())), 800U);
  write(store, Hint::tree, young, std::string(400, 't'));
  EXPECT_FALSE(store.open(Area::blobs, old)) << "3200 bytes were allowed to stay";
  for (const char* folder : {"used", "sums", "trees"}) EXPECT_FALSE(fs::exists(path(folder, old)));
  EXPECT_EQ(read(store, Hint::tree, young), std::string(400, 't'));
}

TEST_F(HintsTest, StayForAsLongAsAnyAreaHasTheObject) {
  const Store store(path(), {.free_percent = 0});
  const Digest digest = keep(store, "object");
  keep(store, "object", Area::diffs);
  write(store, Hint::sums, digest, "sums");
  const std::string name = "sha256/" + std::string(digest.encoded());
  fs::remove(path("blobs", digest));
  remove_beside(store.directory(), name);
  EXPECT_TRUE(open(store, Hint::sums, digest));
  fs::remove(path("diffs", digest));
  remove_beside(store.directory(), name);
  EXPECT_FALSE(open(store, Hint::sums, digest));
}

TEST_F(HintsTest, OfObjectsThatAreGoneAndOfKilledWritersAreTidiedAway) {  // promise 6
  const Store store(path(), {.free_percent = 0});
  const Digest gone = keep(store, "gone");
  const Digest kept = keep(store, "kept");
  for (const Digest& digest : {gone, kept}) {
    write(store, Hint::sums, digest, "sums");
    write(store, Hint::tree, digest, "tree");
  }
  fs::remove(path("blobs", gone));
  store.tidy();
  EXPECT_TRUE(fs::exists(path("trees", gone))) << "its object may be about to get its name";
  for (const char* folder : {"sums", "trees"}) set_time(path(folder, gone), 1000);
  const std::string draft = std::string(kept.encoded()) + ".4194304.1.new";
  for (const char* folder : {"sums/sha256", "trees/sha256"}) {
    plant(path() / folder / draft, "half");
    plant(path() / folder / "README", "not ours");
  }
  store.tidy();
  for (const char* folder : {"sums", "trees"}) {
    EXPECT_FALSE(fs::exists(path(folder, gone))) << folder;
    EXPECT_TRUE(fs::exists(path(folder, kept))) << folder;
    EXPECT_FALSE(fs::exists(path() / folder / "sha256" / draft)) << folder;
    EXPECT_TRUE(fs::exists(path() / folder / "sha256/README")) << folder;
  }
}

}  // namespace
}  // namespace digestfs::cache
