// SPDX-License-Identifier: Apache-2.0
// Objects of which a part is read: their blocks are checked, and not all of them (promise 2).

#include <algorithm>
#include <array>
#include <random>
#include <string>

#include "base/file.h"
#include "cache/open/block_sums.h"
#include "tests/cache/content_fixture.h"
#include "tests/support/bad_sector.h"

namespace digestfs::cache {
namespace {

constexpr std::size_t kBlock = BlockSums::kBlock;

/// A layer whose tar has several blocks, the last of them small, in a cache that an earlier mount
/// has filled.
class OpenByBlocksTest : public ContentTest {
 protected:
  OpenByBlocksTest() {
    Mount mount(cache(), source_);
    meet(mount);
    static_cast<void>(mount.open(diff_));
  }

  void meet(Mount& mount) { add_layer(mount, blob_, diff_); }

  static std::shared_ptr<const VerifiedFile> open(Mount& mount, const Digest& digest) {
    return landed([&] { return mount.content.open_by_blocks(digest, Patience::unlimited()); });
  }

  /// What is read of an open file; the name of the failure where that fails.
  static std::string read(Mount& mount, const std::shared_ptr<const VerifiedFile>& file,
                          std::size_t size, std::uint64_t offset) {
    std::string bytes(size, '\0');
    try {
      bytes.resize(landed([&] {
        return mount.content.read(file, std::as_writable_bytes(std::span(bytes)), offset,
                                  Patience::unlimited());
      }));
    } catch (const Error& error) {
      return error.code() == Errc::corrupt ? "corrupt" : error.what();
    }
    return bytes;
  }

  /// Puts `bytes` at `offset` of a file of the cache.
  void overwrite(std::string_view folder, std::size_t offset, std::string_view bytes) const {
    const fs::path file = path(folder, diff_);
    test::await_tick(file);
    fs::permissions(file, fs::perms(0644));
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(static_cast<std::streamoff>(offset));
    stream << bytes;
  }
  void expect_damaged_sums(const Mount& mount) const {
    EXPECT_EQ(mount.kinds(), (std::map<std::string, int>{{"cache-damaged", 1}}));
    EXPECT_EQ(mount.lines().at(0)["object"], diff_.str());
    EXPECT_NE(mount.lines().at(0)["detail"].get<std::string>().find("sums"), std::string::npos);
  }
  [[nodiscard]] static std::string flipped(char byte) {
    return {static_cast<char>(static_cast<unsigned char>(byte) ^ 0x40U)};
  }

  std::string tar_ = test::tar({{"file", test::noise(5 * kBlock)}, {"last", "content"}});
  std::string blob_ = test::gzip(tar_);
  Digest diff_ = digest_of(tar_);
};

TEST_F(OpenByBlocksTest, B2DoesNotHashTheWholeWhereSumsAreKept) {
  Mount mount(cache(), source_);
  meet(mount);
  // Out of reach of who reads something else.
  overwrite("diffs", 2 * kBlock + 1000, "damaged");
  const auto file = open(mount, diff_);
  EXPECT_EQ(file->size(), tar_.size());
  EXPECT_EQ(read(mount, file, 100, 0), tar_.substr(0, 100));
  EXPECT_EQ(read(mount, file, 2 * kBlock - 5, 5), tar_.substr(5, 2 * kBlock - 5));
  EXPECT_EQ(read(mount, file, 5000, tar_.size() - 1000), tar_.substr(tar_.size() - 1000));
  EXPECT_EQ(read(mount, file, 10, tar_.size() + 5), "");
  EXPECT_EQ(mount.content.state(diff_), State::cached);
  EXPECT_EQ(mount.problems.text(), "");
}

TEST_F(OpenByBlocksTest, B2NoticesDamageBeforeAnyByteOfItIsAnswered) {
  Mount mount(cache(), source_);
  meet(mount);
  overwrite("diffs", 2 * kBlock + 1000, "damaged");
  const auto file = open(mount, diff_);
  EXPECT_EQ(read(mount, file, 100, 2 * kBlock), "corrupt");
  EXPECT_EQ(mount.kinds(), (std::map<std::string, int>{{"cache-damaged", 1}}));
  EXPECT_EQ(mount.lines()[0]["object"], diff_.str());
  EXPECT_NE(mount.lines()[0]["actual"], nullptr);
  const auto sound = open(mount, diff_);
  EXPECT_NE(sound, file);
  EXPECT_TRUE(sound->replaces_another()) << "pages of the damaged file must not be used";
  EXPECT_EQ(mount.read(sound), tar_);
  EXPECT_EQ(source_.fetches(digest_of(blob_)), 1U) << "the layer itself was cached";
  expect_no_wrong_file();
}

TEST_F(OpenByBlocksTest, B2ServesTheBytesOrNoneWhateverByteOfTheObjectIsAnother) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  std::vector<std::size_t> places{0, kBlock - 1, kBlock, 5 * kBlock, tar_.size() - 1};
  for (int i = 0; i < 10; ++i) places.push_back(random() % tar_.size());
  for (const std::size_t place : places) {
    SCOPED_TRACE(place);
    overwrite("diffs", place, flipped(tar_[place]));
    Mount mount(cache(), source_);
    meet(mount);
    const auto file = open(mount, diff_);
    // From where another reader has checked the block before, also.
    std::string all;
    for (std::size_t at = 0; at < tar_.size(); at += 100'000) {
      const std::string part = read(mount, file, 100'000, at);
      EXPECT_TRUE(part == tar_.substr(at, 100'000) || part == "corrupt") << at;
    }
    EXPECT_EQ(mount.kinds(), (std::map<std::string, int>{{"cache-damaged", 1}}));
    EXPECT_EQ(mount.read(open(mount, diff_)), tar_);
    expect_no_wrong_file();
  }
}

TEST_F(OpenByBlocksTest, B2ReadsRightAndMakesSumsAnewWhateverByteOfThemIsAnother) {
  const std::string sums = test::slurp(path("sums", diff_));
  for (std::size_t place = 0; place < sums.size(); place += 5) {
    SCOPED_TRACE(place);
    overwrite("sums", place, flipped(sums[place]));
    Mount mount(cache(), source_);
    meet(mount);
    EXPECT_EQ(mount.read(open(mount, diff_)), tar_);
    expect_damaged_sums(mount);
    EXPECT_EQ(test::slurp(path("sums", diff_)), sums);
  }
  EXPECT_EQ(source_.fetches(), 1U);
}

TEST_F(OpenByBlocksTest, B2HashesTheWholeIfASumIsWrongAndTheObjectIsNot) {
  const std::string sums = test::slurp(path("sums", diff_));
  BlockSummer other;
  std::string bytes = tar_;
  bytes[3 * kBlock] = flipped(bytes[3 * kBlock])[0];
  other.update(as_bytes(bytes));
  std::ofstream(path("sums", diff_), std::ios::binary) << other.finish().text(diff_);
  Mount mount(cache(), source_);
  meet(mount);
  const auto file = open(mount, diff_);
  EXPECT_EQ(read(mount, file, 10, 0), tar_.substr(0, 10));
  EXPECT_EQ(mount.content.state(diff_), State::cached);
  EXPECT_EQ(read(mount, file, 10, 3 * kBlock + 5), tar_.substr(3 * kBlock + 5, 10));
  EXPECT_EQ(mount.content.state(diff_), State::verified);
  expect_damaged_sums(mount);
  EXPECT_EQ(test::slurp(path("sums", diff_)), sums);
  EXPECT_EQ(source_.fetches(), 1U);
}

TEST_F(OpenByBlocksTest, SaysNothingOfTheSumsOfAnotherVersion) {
  const std::string sums = test::slurp(path("sums", diff_));
  std::string other = sums.substr(0, sums.size() - LastingSum::kBytes);
  other[std::string_view("digestfs sums ").size()] = '2';
  other += as_text(LastingSum::of(as_bytes(other)));
  overwrite("sums", 0, other);
  Mount mount(cache(), source_);
  meet(mount);
  EXPECT_EQ(mount.read(open(mount, diff_)), tar_);
  EXPECT_EQ(mount.problems.text(), "");
  EXPECT_EQ(test::slurp(path("sums", diff_)), sums);
}

// A damaged byte of the version looked like another version, and nobody was told.
TEST_F(OpenByBlocksTest, B2IsToldWhereOnlyTheVersionOfTheSumsIsAnother) {
  overwrite("sums", std::string_view("digestfs sums ").size(), "3");
  Mount mount(cache(), source_);
  meet(mount);
  EXPECT_EQ(mount.read(open(mount, diff_)), tar_);
  expect_damaged_sums(mount);
}

// Whoever may write to the cache's folder could put an object, and sums of it, in place of another.
TEST_F(OpenByBlocksTest, B2DoesNotBelieveTheSumsOfAnotherObject) {
  const std::string other = test::tar({{"file", test::noise(5 * kBlock, 2)}, {"last", "content"}});
  const Digest other_diff = digest_of(other);
  {
    Mount mount(cache(), source_);
    add_layer(mount, test::gzip(other), other_diff);
    static_cast<void>(mount.open(other_diff));
  }
  fs::rename(path("diffs", other_diff), path("diffs", diff_));
  fs::rename(path("sums", other_diff), path("sums", diff_));
  Mount mount(cache(), source_);
  meet(mount);
  EXPECT_EQ(mount.read(open(mount, diff_)), tar_);
  mount.workers.await_end_of(Lane::name);  // its sums come with the name
  EXPECT_EQ(mount.kinds(), (std::map<std::string, int>{{"cache-damaged", 2}})) << "both";
}

TEST_F(OpenByBlocksTest, B2HashesTheWholeWhereOthersMayHavePutTheObjectOrItsSums) {
  const auto is_hashed = [&] {
    Mount mount(cache(), source_);
    meet(mount);
    EXPECT_EQ(mount.read(open(mount, diff_)), tar_);
    EXPECT_EQ(mount.problems.text(), "");
    return mount.content.state(diff_) == State::verified;
  };
  EXPECT_FALSE(is_hashed());
  for (const fs::path& file : {cache(), path("diffs", diff_), path("sums", diff_)}) {
    SCOPED_TRACE(file);
    const fs::perms before = fs::status(file).permissions();
    fs::permissions(file, fs::perms::group_write, fs::perm_options::add);
    EXPECT_TRUE(is_hashed());
    fs::permissions(file, before);
    EXPECT_FALSE(is_hashed());
  }
}

TEST_F(OpenByBlocksTest, MakesSumsOfADiffThatHasNone) {
  const std::string sums = test::slurp(path("sums", diff_));
  fs::remove(path("sums", diff_));
  Mount mount(cache(), source_);
  meet(mount);
  EXPECT_EQ(mount.read(open(mount, diff_)), tar_);
  EXPECT_EQ(mount.content.state(diff_), State::verified);
  EXPECT_EQ(test::slurp(path("sums", diff_)), sums);
}

// One object that is larger than the cache is allowed while it is open.
TEST_F(OpenByBlocksTest, ThrowsNoDiffOutForItsSums) {
  fs::remove(path("diffs", diff_));
  fs::remove(path("sums", diff_));
  Mount mount(cache(), source_, Network::allowed, {.size = 100'000, .free_percent = 0});
  meet(mount);
  EXPECT_EQ(mount.read(mount.open(diff_)), tar_);
  EXPECT_EQ(source_.fetches(), 1U);
  EXPECT_TRUE(fs::exists(path("sums", diff_)));
}

TEST_F(OpenByBlocksTest, MakesSumsOfABlobThatAPartIsReadOf) {
  const Digest digest = digest_of(tar_);
  fs::remove(path("diffs", diff_));
  fs::remove(path("sums", diff_));
  {
    Mount mount(cache(), source_);
    static_cast<void>(mount.open(add(mount, tar_)));
  }
  {
    Mount mount(cache(), source_);
    EXPECT_EQ(mount.read(open(mount, add(mount, tar_))), tar_);
  }
  EXPECT_TRUE(fs::exists(path("sums", digest)));
  Mount mount(cache(), source_);
  EXPECT_EQ(mount.read(open(mount, add(mount, tar_))), tar_);
  EXPECT_EQ(mount.content.state(digest), State::cached);
}

TEST_F(OpenByBlocksTest, HasOneDescriptorWithWhoeverReadsTheWhole) {
  Mount mount(cache(), source_);
  meet(mount);
  const auto part = open(mount, diff_);
  EXPECT_EQ(mount.content.state(diff_), State::cached);
  const auto whole = mount.open(diff_);
  EXPECT_EQ(whole, part);
  EXPECT_EQ(mount.content.state(diff_), State::verified) << "the whole is hashed before it is read";
  EXPECT_EQ(mount.read(whole), tar_);
  EXPECT_EQ(open(mount, diff_), whole);
}

TEST_F(OpenByBlocksTest, RefusesToOpenTheWholeOfADamagedObjectThatAPartIsReadOf) {
  Mount mount(cache(), source_);
  meet(mount);
  overwrite("diffs", 4 * kBlock, "damaged");
  const auto part = open(mount, diff_);
  EXPECT_EQ(read(mount, part, 10, 0), tar_.substr(0, 10));
  const auto whole = mount.open(diff_);
  EXPECT_NE(whole, part);
  EXPECT_EQ(mount.read(whole), tar_);
  EXPECT_FALSE(part->is_readable());
  EXPECT_EQ(read(mount, part, 10, 0), "corrupt") << "this block was good when it was checked";
  EXPECT_EQ(read(mount, open(mount, diff_), 10, 4 * kBlock), tar_.substr(4 * kBlock, 10));
  EXPECT_EQ(mount.kinds(), (std::map<std::string, int>{{"cache-damaged", 1}}));
}

TEST_F(OpenByBlocksTest, B2HashesTheWholeOfAFileThatIsTouchedWhileItIsOpen) {
  Mount mount(cache(), source_);
  meet(mount);
  const auto file = open(mount, diff_);
  EXPECT_EQ(read(mount, file, 10, 0), tar_.substr(0, 10));
  // In a block that was found good.
  overwrite("diffs", 100, "damaged");
  EXPECT_EQ(read(mount, file, 10, 0), "corrupt");
  EXPECT_EQ(read(mount, file, 10, 4 * kBlock), "corrupt") << "nothing of it is believed any longer";
  EXPECT_EQ(mount.read(open(mount, diff_)), tar_);
}

TEST_F(OpenByBlocksTest, GoesOnAfterItsObjectWasEvicted) {
  Mount mount(cache(), source_);
  meet(mount);
  const auto file = open(mount, diff_);
  EXPECT_EQ(read(mount, file, 10, 0), tar_.substr(0, 10));
  test::await_tick(path("diffs", diff_));
  fs::remove(path("diffs", diff_));
  EXPECT_EQ(read(mount, file, 10, kBlock), tar_.substr(kBlock, 10));
  EXPECT_EQ(mount.problems.text(), "");
}

TEST_F(OpenByBlocksTest, FetchesAgainWhatTheDiskCannotRead) {
  Mount mount(cache(), source_);
  meet(mount);
  const auto file = open(mount, diff_);
  const test::BadSector bad(path("diffs", diff_));
  EXPECT_EQ(read(mount, file, 10, 0), "corrupt");
  EXPECT_EQ(mount.kinds(), (std::map<std::string, int>{{"cache-damaged", 1}}));
  EXPECT_EQ(mount.read(open(mount, diff_)), tar_);
}

TEST_F(OpenByBlocksTest, IsNotHashedAgainOnceItWasFoundDamaged) {
  Mount mount(cache(), source_);
  meet(mount);
  const auto file = open(mount, diff_);
  overwrite("diffs", 0, flipped(tar_[0]));
  EXPECT_EQ(read(mount, file, 10, kBlock), "corrupt");
  EXPECT_TRUE(file->is_damaged());
  // If it were hashed, it would be found to be good.
  std::ofstream("/proc/self/fd/" + std::to_string(file->fd()), std::ios::in | std::ios::binary)
      << tar_[0];
  EXPECT_EQ(read(mount, file, 10, kBlock), "corrupt");
}

TEST_F(OpenByBlocksTest, DoesNotCountAsHealedIfItWasOnlyEvicted) {
  Mount mount(cache(), source_);
  meet(mount);
  EXPECT_EQ(read(mount, open(mount, diff_), 10, 0), tar_.substr(0, 10));
  // An inode number that is in use is not used again.
  fs::rename(path("diffs", diff_), cache() / "evicted");
  EXPECT_EQ(mount.read(mount.open(diff_)), tar_);
  EXPECT_FALSE(open(mount, diff_)->replaces_another());
  EXPECT_FALSE(mount.content.take_healed(diff_));
}

// A reader of headers that came to nothing tried again for ever.
TEST_F(OpenByBlocksTest, IsNotOpenedAgainOnceABlockWasBad) {
  Mount mount(cache(), source_);
  meet(mount);
  overwrite("diffs", 0, "damaged");
  std::array<std::byte, 10> buffer{};
  EXPECT_FALSE(open(mount, diff_)->read(buffer, 0));
  EXPECT_EQ(mount.read(open(mount, diff_)), tar_);
  EXPECT_EQ(mount.kinds(), (std::map<std::string, int>{{"cache-damaged", 1}}));
}

// Whoever reads many small files opens the tar for each of them.
TEST_F(OpenByBlocksTest, RemembersWhatWasCheckedWhenItIsOpenedAgain) {
  Mount mount(cache(), source_);
  meet(mount);
  EXPECT_EQ(read(mount, open(mount, diff_), 10, 0), tar_.substr(0, 10));
  fs::remove(path("sums", diff_));
  EXPECT_EQ(read(mount, open(mount, diff_), 10, kBlock), tar_.substr(kBlock, 10));
  EXPECT_EQ(mount.content.state(diff_), State::cached) << "the sums were read again";
}

}  // namespace
}  // namespace digestfs::cache
