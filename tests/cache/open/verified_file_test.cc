// SPDX-License-Identifier: Apache-2.0
#include "cache/open/verified_file.h"

#include <array>
#include <atomic>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "cache/open/block_sums.h"
#include "cache/open/checked_blocks.h"
#include "tests/support/clock.h"
#include "tests/support/mounted.h"

namespace digestfs::cache {
namespace {

namespace fs = std::filesystem;

class VerifiedFileTest : public testing::Test {
 protected:
  VerifiedFileTest() { std::ofstream(path_) << "content"; }

  [[nodiscard]] VerifiedFile open() const {
    UniqueFd file = open_file(AT_FDCWD, path_, O_RDONLY);
    const Fingerprint now = Fingerprint::of(file.get());
    test::await_tick(path_);
    return {digest_of("content"), std::move(file), now};
  }

  test::TemporaryDirectory directory_;
  fs::path path_ = directory_.path() / "file";
};

std::optional<std::string> read(const VerifiedFile& file, std::size_t size = 100,
                                std::uint64_t offset = 0) {
  std::string bytes(size, '\0');
  const auto got = file.read(std::as_writable_bytes(std::span(bytes)), offset);
  if (!got) return std::nullopt;
  return bytes.substr(0, *got);
}

TEST_F(VerifiedFileTest, KnowsItsDigestAndSize) {
  const VerifiedFile file = open();
  EXPECT_EQ(file.digest(), digest_of("content"));
  EXPECT_EQ(file.size(), 7U);
}

TEST_F(VerifiedFileTest, ReadsLessOnlyAtTheEnd) {
  const VerifiedFile file = open();
  EXPECT_EQ(read(file), "content");
  EXPECT_EQ(read(file, 3, 2), "nte");
  EXPECT_EQ(read(file, 3, 5), "nt");
  EXPECT_EQ(read(file, 3, 7), "");
  EXPECT_EQ(read(file, 3, 100), "");
}

// Promise 2: size, mtime and ctime, whichever betrays it.
TEST_F(VerifiedFileTest, ReadsNothingOnceTheFileWasTouched) {
  const std::array<timespec, 2> times = {{{1000, 0}, {1000, 0}}};
  const VerifiedFile overwritten = open();
  std::ofstream(path_, std::ios::in) << "C";
  EXPECT_FALSE(read(overwritten));
  const VerifiedFile extended = open();
  std::ofstream(path_, std::ios::app) << "more";
  EXPECT_FALSE(read(extended));
  const VerifiedFile set_back = open();
  ASSERT_EQ(::utimensat(AT_FDCWD, path_.c_str(), times.data(), 0), 0);
  EXPECT_FALSE(read(set_back));
  // The mtime as before: only the ctime tells.
  const VerifiedFile disguised = open();
  std::ofstream(path_, std::ios::in) << "D";
  ASSERT_EQ(::utimensat(AT_FDCWD, path_.c_str(), times.data(), 0), 0);
  EXPECT_FALSE(read(disguised));
}

TEST_F(VerifiedFileTest, ReadsItsOwnFileWhenAnotherTakesTheName) {
  const VerifiedFile file = open();
  std::ofstream(path_.native() + ".new") << "another";
  fs::rename(path_.native() + ".new", path_);
  // Losing its name changed its ctime.
  EXPECT_FALSE(read(file));
  file.set_verified(Fingerprint::of(file.fd()));
  EXPECT_EQ(read(file), "content");
}

// A reader that looked at the file just before it got its name, and again just after, had all of it
// hashed once more.
TEST_F(VerifiedFileTest, IsReadWhileItGetsItsName) {
  const VerifiedFile file = open();
  std::atomic<bool> is_over = false;
  std::jthread naming([&] {
    // Where times are coarse, many names come at one time.
    std::set<std::int64_t> times;
    for (int i = 0; i < 3000 || times.size() < 50; ++i) {
      file.begin_naming();
      const fs::path name = path_.native() + std::to_string(i);
      fs::rename(i == 0 ? path_ : fs::path(path_.native() + std::to_string(i - 1)), name);
      file.end_naming(Fingerprint::of(file.fd()));
      times.insert(Fingerprint::of(file.fd()).changed_ns);
    }
    is_over = true;
  });
  while (!is_over) {
    ASSERT_EQ(read(file), "content");
    ASSERT_TRUE(file.is_untouched());
  }
}

// The disk may refuse a file that looks as it did.
TEST_F(VerifiedFileTest, IsNotReadableOnceItIsKnownToBeDamaged) {
  const VerifiedFile file = open();
  EXPECT_TRUE(file.is_untouched());
  EXPECT_TRUE(file.is_readable());
  file.set_damaged();
  EXPECT_FALSE(file.is_untouched());
  EXPECT_FALSE(file.is_readable());
  EXPECT_EQ(read(file), std::nullopt);
}

// A file that is read all day counted as unused since it was opened.
// Its blocks were good when they were checked, and its fingerprint need not tell what a disk did.
TEST_F(VerifiedFileTest, IsNotReadableByItsBlocksEitherOnceItIsKnownToBeDamaged) {
  UniqueFd descriptor = open_file(AT_FDCWD, path_, O_RDONLY);
  const Fingerprint now = Fingerprint::of(descriptor.get());
  BlockSummer summer;
  summer.update(as_bytes(std::string_view("content")));
  const VerifiedFile file(digest_of("content"), std::move(descriptor),
                          std::make_shared<CheckedBlocks>(summer.finish(), now));
  EXPECT_TRUE(file.is_readable());
  EXPECT_EQ(read(file), "content");
  file.set_damaged();
  EXPECT_FALSE(file.is_readable());
  EXPECT_FALSE(read(file));
}

TEST_F(VerifiedFileTest, SaysOnceInAWhileThatItIsInUse) {
  const VerifiedFile file = open();
  const auto now = Clock::now();
  const Clock::duration interval = std::chrono::minutes(1);
  EXPECT_FALSE(file.is_use_due(now, interval)) << "opening it was a use";
  EXPECT_TRUE(file.is_use_due(now + 2 * interval, interval));
  EXPECT_FALSE(file.is_use_due(now + 2 * interval, interval));
  EXPECT_TRUE(file.is_use_due(now + 3 * interval, interval));
}

}  // namespace
}  // namespace digestfs::cache
