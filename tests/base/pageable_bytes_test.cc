// SPDX-License-Identifier: Apache-2.0
#include "base/pageable_bytes.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "tests/support/bad_sector.h"
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

  void move_out() {
    bytes_.tidy(1, [this](std::uint64_t /*size*/) {
      ++files_;
      return open_file(AT_FDCWD, file_, O_CREAT | O_EXCL | O_RDWR, 0600);
    });
  }

  /// Returns the kind of failure with which a use of the bytes ends, or nothing.
  [[nodiscard]] std::optional<Errc> failure_of_use() {
    try {
      bytes_.use();
      return std::nullopt;
    } catch (const Error& error) {
      return error.code();
    }
  }

  /// Changes a byte of the file; the second time, changes it back.
  void damage() const {
    const UniqueFd file = open_file(AT_FDCWD, file_, O_RDWR);
    std::array<std::byte, 1> byte{};
    ASSERT_EQ(read_at(file.get(), byte, kSize / 2), 1U);
    byte[0] ^= std::byte{0x10};
    write_all_at(file.get(), byte, kSize / 2);
  }

  test::TemporaryDirectory directory_;
  std::filesystem::path file_ = directory_.path() / "file";
  PageableBytes bytes_{kSize};
  int files_ = 0;
};

TEST_F(PageableBytesTest, ComeBackToTheSamePlaceWhenTheyAreUsed) {
  const auto before = bytes_.bytes();
  for (int i = 0; i < 3; ++i) {
    move_out();
    EXPECT_TRUE(bytes_.are_out());
    EXPECT_EQ(test::resident(bytes_.bytes()), 0U);
    bytes_.use();
    EXPECT_FALSE(bytes_.are_out());
    EXPECT_EQ(bytes_.bytes().data(), before.data());
    ASSERT_EQ(bytes_.bytes().size(), before.size());
    EXPECT_TRUE(are_as_filled(bytes_.bytes()));
  }
  EXPECT_EQ(files_, 1);
}

TEST_F(PageableBytesTest, AreSeenByAReaderWhoHasBegunBeforeTheyWereMovedOut) {
  const auto reader = bytes_.bytes();
  move_out();
  EXPECT_TRUE(are_as_filled(reader));
  EXPECT_TRUE(bytes_.are_out());
}

TEST_F(PageableBytesTest, AreMovedOutOnceNobodyHasUsedThemForThatManyRounds) {
  const auto no_file = [](std::uint64_t /*size*/) -> UniqueFd {
    throw std::system_error(ENOSPC, std::generic_category());
  };
  for (int i = 0; i < 5; ++i) {
    for (int round = 0; round < 2; ++round) EXPECT_NO_THROW(bytes_.tidy(3, no_file));
    bytes_.use();
  }
  for (int round = 0; round < 2; ++round) EXPECT_NO_THROW(bytes_.tidy(3, no_file));
  EXPECT_THROW(bytes_.tidy(3, no_file), std::system_error);
  // The disk is asked again after as many rounds.
  EXPECT_NO_THROW(bytes_.tidy(3, no_file));
}

TEST_F(PageableBytesTest, AreAnErrorIfTheDiskChangedThem) {
  move_out();
  damage();
  EXPECT_EQ(failure_of_use(), Errc::corrupt);
  // The disk is not read for each that comes.
  damage();
  EXPECT_EQ(failure_of_use(), Errc::corrupt);
  EXPECT_TRUE(bytes_.are_out());
  move_out();
  EXPECT_EQ(failure_of_use(), std::nullopt);
  EXPECT_TRUE(are_as_filled(bytes_.bytes()));
}

TEST_F(PageableBytesTest, AreAnErrorIfTheDiskCannotReadThem) {
  move_out();
  {
    const test::BadSector bad(file_);
    EXPECT_EQ(failure_of_use(), Errc::corrupt);
  }
  move_out();
  EXPECT_EQ(failure_of_use(), std::nullopt);
  EXPECT_TRUE(are_as_filled(bytes_.bytes()));
}

// Whoever read the mapped file past its end got SIGBUS, as from a disk that cannot be read.
TEST_F(PageableBytesTest, AreAnErrorIfTheFileIsShorter) {
  move_out();
  std::filesystem::resize_file(file_, 100);
  EXPECT_EQ(failure_of_use(), Errc::corrupt);
}

TEST_F(PageableBytesTest, StayWhereNoFileTakesThem) {
  const auto fail = [&](const std::filesystem::path& path, int flags) {
    const auto make = [&](std::uint64_t /*size*/) {
      return open_file(AT_FDCWD, path, flags, 0600);
    };
    EXPECT_THROW(bytes_.tidy(1, make), std::system_error);
    EXPECT_FALSE(bytes_.are_out());
  };
  fail("/dev/full", O_RDWR);
  // What can be written, but not mapped.
  fail(file_, O_CREAT | O_WRONLY);
  EXPECT_THROW(bytes_.tidy(1, [](std::uint64_t /*size*/) { return UniqueFd(); }),
               std::system_error);
  EXPECT_TRUE(are_as_filled(bytes_.bytes()));
}

// A page must be there, with its bytes in it, at each moment: for those who come, and for one who
// has begun to read before the bytes are moved.
TEST_F(PageableBytesTest, AreMovedOutWhileOthersReadThem) {
  std::atomic<bool> is_over = false;
  std::atomic<int> rounds = 0;
  std::atomic<bool> are_right = true;
  std::vector<std::jthread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&, comes = i > 0] {
      while (!is_over) {
        if (comes) bytes_.use();
        if (!are_as_filled(bytes_.bytes())) are_right = false;
        ++rounds;
      }
    });
  }
  for (int i = 0; i < 30; ++i) {
    for (const int until = rounds + 1; rounds < until;) std::this_thread::yield();
    move_out();
  }
  is_over = true;
  readers.clear();
  EXPECT_TRUE(are_right);
}

}  // namespace
}  // namespace digestfs
