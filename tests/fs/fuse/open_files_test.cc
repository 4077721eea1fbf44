// SPDX-License-Identifier: Apache-2.0
#include "fs/fuse/open_files.h"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace digestfs::fs {
namespace {

/// Counts those that are open.
class CountedFile : public OpenFile {
 public:
  explicit CountedFile(std::atomic<int>& open) : open_(open) { ++open_; }
  ~CountedFile() override { --open_; }

  std::size_t read(std::span<std::byte> /*buffer*/, std::uint64_t /*offset*/,
                   const Patience& /*patience*/) override {
    return 0;
  }

 private:
  std::atomic<int>& open_;
};

class LingeringFile final : public CountedFile {
 public:
  using CountedFile::CountedFile;
  [[nodiscard]] Lingering* lingering() noexcept override { return &marks_; }

 private:
  Lingering marks_;
};

Opened small_part_of(std::shared_ptr<OpenFile> file) {
  return {std::move(file), Opened::Caching::keep, Part{.begin = 0, .size = 1000}};
}

TEST(OpenFiles, CloseWhatIsReleased) {
  std::atomic<int> open = 0;
  OpenFiles files;
  const auto first = files.keep({std::make_shared<CountedFile>(open)});
  const auto second = files.keep({std::make_shared<CountedFile>(open)});
  EXPECT_NE(first, second);
  files.release(first);
  EXPECT_EQ(open, 1);
  EXPECT_NE(OpenFiles::at(second).file, nullptr);
}

TEST(OpenFiles, CloseInTheEndWhatNobodyReleased) {
  std::atomic<int> open = 0;
  {
    OpenFiles files;
    static_cast<void>(files.keep({std::make_shared<CountedFile>(open)}));
    EXPECT_EQ(open, 1);
  }
  EXPECT_EQ(open, 0);
}

TEST(OpenFiles, StayOpenForAReadThatIsUnderWay) {
  std::atomic<int> open = 0;
  OpenFiles files;
  const auto handle = files.keep({std::make_shared<CountedFile>(open)});
  Opened reading = OpenFiles::at(handle);
  files.release(handle);
  EXPECT_EQ(open, 1);
  reading.file.reset();
  EXPECT_EQ(open, 0);
}

TEST(OpenFiles, HaveHandlesOfTheirOwnWhileTheyAreOpen) {
  std::atomic<int> open = 0;
  OpenFiles files;
  std::vector<std::uint64_t> handles;
  for (int i = 0; i < 3000; ++i) {
    handles.push_back(files.keep({std::make_shared<CountedFile>(open)}));
    OpenFiles::way_of(handles.back()) = i % 2 == 0 ? Way::by_itself : Way::impossible;
  }
  for (int i = 0; i < 3000; i += 3) {
    files.release(handles[static_cast<std::size_t>(i)]);
    const auto handle = files.keep({std::make_shared<CountedFile>(open)});
    EXPECT_EQ(OpenFiles::way_of(handle), Way::ask);
    handles[static_cast<std::size_t>(i)] = handle;
  }
  EXPECT_EQ(open, 3000);
  EXPECT_EQ(OpenFiles::way_of(handles[1]), Way::impossible);
  EXPECT_EQ(OpenFiles::way_of(handles[2]), Way::by_itself);
  for (const auto handle : handles) files.release(handle);
  EXPECT_EQ(open, 0);
}

// The next file of the same tar finds the tar open.
TEST(OpenFiles, StayOpenAfterTheirReleaseIfTheyLinger) {
  std::atomic<int> open = 0;
  {
    OpenFiles files(std::chrono::hours(1));
    files.release(files.keep(small_part_of(std::make_shared<LingeringFile>(open))));
    EXPECT_EQ(open, 1);
    for (int i = 0; i < 1000; ++i) {
      files.release(files.keep(small_part_of(std::make_shared<LingeringFile>(open))));
    }
    EXPECT_LE(open, 64);
  }
  EXPECT_EQ(open, 0);
}

// The cache could not throw its tar out.
TEST(OpenFiles, DoNotLingerIfTheyAreLarge) {
  std::atomic<int> open = 0;
  OpenFiles files(std::chrono::hours(1));
  Opened large = small_part_of(std::make_shared<LingeringFile>(open));
  large.part.size = 200'000;
  files.release(files.keep(std::move(large)));
  EXPECT_EQ(open, 0);
}

TEST(OpenFiles, LingerOnceThoughManyFilesHaveTheSameThingOpen) {
  std::atomic<int> open = 0;
  OpenFiles files(std::chrono::hours(1));
  const auto tar = std::make_shared<LingeringFile>(open);
  std::vector<std::uint64_t> handles;
  for (int i = 0; i < 1000; ++i) handles.push_back(files.keep(small_part_of(tar)));
  for (const auto handle : handles) files.release(handle);
  EXPECT_EQ(tar.use_count(), 2);
}

TEST(OpenFiles, AreClosedInTheEndThoughNobodyAsksForAnythingAnyMore) {
  std::atomic<int> open = 0;
  OpenFiles files(std::chrono::milliseconds(1));
  for (int round = 0; round < 3; ++round) {
    files.release(files.keep(small_part_of(std::make_shared<LingeringFile>(open))));
    while (open != 0) std::this_thread::yield();
  }
}

// While one thread closes what nobody uses, others use it again.
TEST(OpenFiles, MayBeUsedAgainJustWhenTheyAreClosed) {
  std::atomic<int> open = 0;
  OpenFiles files(std::chrono::milliseconds(1));
  {
    const auto tar = std::make_shared<LingeringFile>(open);
    const auto use = [&] {
      for (int i = 0; i < 300'000; ++i) files.release(files.keep(small_part_of(tar)));
    };
    std::jthread other(use);
    use();
  }
  while (open != 0) std::this_thread::yield();
}

}  // namespace
}  // namespace digestfs::fs
