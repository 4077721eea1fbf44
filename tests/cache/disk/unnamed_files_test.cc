// SPDX-License-Identifier: Apache-2.0
#include "cache/disk/unnamed_files.h"

#include <chrono>
#include <future>
#include <vector>

#include <gtest/gtest.h>

namespace digestfs::cache {
namespace {

TEST(UnnamedFiles, AreBounded) {
  UnnamedFiles files;
  std::vector<UnnamedFiles::Waiting> waiting;
  for (std::size_t i = 0; i < UnnamedFiles::kMost; ++i) waiting.push_back(files.join());
  EXPECT_FALSE(files.join());
  waiting.pop_back();
  EXPECT_EQ(files.counts().ended, 1U);
  EXPECT_TRUE(files.join());
}

TEST(UnnamedFiles, AreNotWaitedForIfThereAreNone) {
  UnnamedFiles files;
  EXPECT_FALSE(files.await_end(0));
  files.join().reset();
  EXPECT_TRUE(files.await_end(0)) << "one has ended since";
  EXPECT_FALSE(files.await_end(1));
}

TEST(UnnamedFiles, AreWaitedForUntilOneEnds) {
  UnnamedFiles files;
  auto first = files.join();
  const auto second = files.join();
  auto result = std::async(std::launch::async, [&] { return files.await_end(0); });
  EXPECT_EQ(result.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  first.reset();
  EXPECT_TRUE(result.get());
}

}  // namespace
}  // namespace digestfs::cache
