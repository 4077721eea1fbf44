// SPDX-License-Identifier: Apache-2.0
#include "cache/disk/sole_writer.h"

#include <optional>
#include <span>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include "base/file.h"
#include "tests/support/mounted.h"

namespace digestfs::cache {
namespace {

/// On a file system of which the kernel sees all writers; elsewhere there is nothing to test.
class SoleWriterTest : public testing::Test {
 protected:
  void SetUp() override {
    file_ = open(O_RDWR | O_CREAT);
    if (!SoleWriter(file_.get()).is_alone()) GTEST_SKIP() << "not on this file system";
  }
  [[nodiscard]] UniqueFd open(int flags) const {
    return open_file(AT_FDCWD, directory_.path() / "file", flags, 0600);
  }
  static void write_to(int fd) {
    write_all_at(fd, std::as_bytes(std::span(std::string_view("bytes"))), 0);
  }

  test::TemporaryDirectory directory_;
  UniqueFd file_;
};

TEST_F(SoleWriterTest, IsAloneWhateverItWrites) {
  const SoleWriter writer(file_.get());
  write_to(file_.get());
  const UniqueFd same(::fcntl(file_.get(), F_DUPFD_CLOEXEC, 0));
  write_to(same.get());
  EXPECT_TRUE(writer.is_alone());
  EXPECT_TRUE(writer.is_alone()) << "asking changes nothing";
}

TEST_F(SoleWriterTest, IsAloneAfterAReader) {
  const SoleWriter writer(file_.get());
  { const UniqueFd reader = open(O_RDONLY); }
  EXPECT_TRUE(writer.is_alone());
}

TEST_F(SoleWriterTest, IsNotAloneBesideAnEarlierWriter) {
  std::optional<UniqueFd> other = open(O_RDWR);
  const SoleWriter writer(file_.get());
  EXPECT_FALSE(writer.is_alone());
  other.reset();
  EXPECT_FALSE(writer.is_alone()) << "it may have written meanwhile";
}

TEST_F(SoleWriterTest, IsNotAloneBesideALaterWriter) {
  const SoleWriter writer(file_.get());
  const UniqueFd other = open(O_WRONLY);
  EXPECT_FALSE(writer.is_alone());
}

TEST_F(SoleWriterTest, RemembersAWriterThatHasGone) {
  const SoleWriter writer(file_.get());
  write_to(open(O_WRONLY).get());
  EXPECT_FALSE(writer.is_alone());
  EXPECT_FALSE(writer.is_alone());
}

TEST_F(SoleWriterTest, SeesAWriterThatHasOnlyTheMemoryOfTheFile) {
  write_to(file_.get());
  const SoleWriter writer(file_.get());
  void* const memory =
      ::mmap(nullptr, 1, PROT_READ | PROT_WRITE, MAP_SHARED, open(O_RDWR).get(), 0);
  ASSERT_NE(memory, MAP_FAILED);
  EXPECT_FALSE(writer.is_alone());
  ASSERT_EQ(::munmap(memory, 1), 0);
  EXPECT_FALSE(writer.is_alone());
}

TEST(SoleWriter, IsNeverAloneWhereTheKernelDoesNotKnow) {
  const UniqueFd proc = open_file(AT_FDCWD, "/proc/self/comm", O_RDWR, 0);
  EXPECT_FALSE(SoleWriter(proc.get()).is_alone());
  EXPECT_FALSE(SoleWriter(-1).is_alone());
}

}  // namespace
}  // namespace digestfs::cache
