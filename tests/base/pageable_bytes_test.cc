// SPDX-License-Identifier: Apache-2.0
#include "base/pageable_bytes.h"

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/file.h"
#include "tests/support/mounted.h"
#include "tests/support/resident.h"

namespace digestfs {
namespace {

// More pages than a page fault brings at once, and not a whole number of them.
constexpr std::size_t kSize = (std::size_t{1} << 20U) + 1000;

std::byte byte_at(std::size_t at) { return static_cast<std::byte>(at * 2654435761U >> 7U); }

void fill(PageableBytes& bytes) {
  std::size_t at = 0;
  for (std::byte& byte : bytes.to_fill()) byte = byte_at(at++);
}

bool are_as_filled(std::span<const std::byte> bytes) {
  std::size_t at = 0;
  return std::ranges::all_of(bytes, [&](std::byte byte) { return byte == byte_at(at++); });
}

class PageableBytesTest : public testing::Test {
 protected:
  PageableBytesTest() { fill(bytes_); }

  [[nodiscard]] UniqueFd make_file() const {
    return open_file(AT_FDCWD, directory_.path(), O_TMPFILE | O_RDWR, 0600);
  }

  test::TemporaryDirectory directory_;
  PageableBytes bytes_{kSize};
};

TEST_F(PageableBytesTest, AreTheSameAtTheSamePlaceInAFile) {
  const auto before = bytes_.bytes();
  EXPECT_FALSE(bytes_.are_in_file());
  bytes_.move_to(make_file());
  EXPECT_TRUE(bytes_.are_in_file());
  EXPECT_EQ(bytes_.bytes().data(), before.data());
  ASSERT_EQ(bytes_.bytes().size(), before.size());
  EXPECT_TRUE(are_as_filled(bytes_.bytes()));
}

TEST_F(PageableBytesTest, TakeNoMemoryUntilTheyAreReadOnceTheyAreLetGo) {
  bytes_.move_to(make_file());
  EXPECT_EQ(test::resident(bytes_.bytes()), 0U);
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(are_as_filled(bytes_.bytes()));
    EXPECT_GT(test::resident(bytes_.bytes()), kSize / 2);
    bytes_.let_go();
    EXPECT_EQ(test::resident(bytes_.bytes()), 0U);
  }
}

TEST_F(PageableBytesTest, StayWhereNoFileTakesThem) {
  UniqueFd full = open_file(AT_FDCWD, "/dev/full", O_RDWR);
  EXPECT_THROW(bytes_.move_to(full), std::system_error);
  // What can be written, but not mapped.
  const UniqueFd write_only =
      open_file(AT_FDCWD, directory_.path() / "file", O_CREAT | O_WRONLY, 0600);
  EXPECT_THROW(bytes_.move_to(write_only), std::system_error);
  EXPECT_THROW(bytes_.move_to(UniqueFd()), std::system_error);
  bytes_.let_go();
  EXPECT_FALSE(bytes_.are_in_file());
  EXPECT_TRUE(are_as_filled(bytes_.bytes()));
}

// A page must be there, with its bytes in it, at each moment.
TEST_F(PageableBytesTest, AreMovedAndLetGoOfWhileOthersReadThem) {
  std::atomic<bool> is_over = false;
  std::atomic<int> rounds = 0;
  std::atomic<bool> are_right = true;
  std::vector<std::jthread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!is_over) {
        if (!are_as_filled(bytes_.bytes())) are_right = false;
        ++rounds;
      }
    });
  }
  const auto await_rounds = [&](int more) {
    for (const int until = rounds + more; rounds < until;) std::this_thread::yield();
  };
  await_rounds(1);
  bytes_.move_to(make_file());
  for (int i = 0; i < 20; ++i) {
    await_rounds(1);
    bytes_.let_go();
  }
  await_rounds(4);
  is_over = true;
  readers.clear();
  EXPECT_TRUE(are_right);
}

}  // namespace
}  // namespace digestfs
