// SPDX-License-Identifier: Apache-2.0
#include "fs/fuse/open_files.h"

#include <memory>
#include <utility>

#include <gtest/gtest.h>

namespace digestfs::fs {
namespace {

/// Counts those that are open.
class CountedFile final : public OpenFile {
 public:
  explicit CountedFile(int& open) : open_(open) { ++open_; }
  ~CountedFile() override { --open_; }

  std::size_t read(std::span<std::byte> /*buffer*/, std::uint64_t /*offset*/,
                   const Patience& /*patience*/) override {
    return 0;
  }

 private:
  int& open_;
};

TEST(OpenFiles, CloseWhatIsReleased) {
  int open = 0;
  OpenFiles files;
  const auto first = files.keep(std::make_shared<CountedFile>(open));
  const auto second = files.keep(std::make_shared<CountedFile>(open));
  EXPECT_NE(first, second);
  files.release(first);
  EXPECT_EQ(open, 1);
  EXPECT_NE(OpenFiles::at(second), nullptr);
}

TEST(OpenFiles, CloseInTheEndWhatNobodyReleased) {
  int open = 0;
  {
    OpenFiles files;
    static_cast<void>(files.keep(std::make_shared<CountedFile>(open)));
    EXPECT_EQ(open, 1);
  }
  EXPECT_EQ(open, 0);
}

TEST(OpenFiles, StayOpenForAReadThatIsUnderWay) {
  int open = 0;
  OpenFiles files;
  const auto handle = files.keep(std::make_shared<CountedFile>(open));
  OpenFiles::File reading = OpenFiles::at(handle);
  files.release(handle);
  EXPECT_EQ(open, 1);
  reading.reset();
  EXPECT_EQ(open, 0);
}

}  // namespace
}  // namespace digestfs::fs
