// SPDX-License-Identifier: Apache-2.0
#include "tools/live_progress.h"

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace digestfs::tools {
namespace {

using namespace std::chrono_literals;
using cache::Transfer;

Transfer fetch(char digit) {
  return {.work = "fetch",
          .object = "sha256:" + std::string(64, digit),
          .has_begun = true,
          .progress = {.done = 12'300'000, .total = 58'000'000, .already = 0, .time = 2s},
          .age = 3s,
          .waiters = 1};
}

TEST(ProgressLines, SayHowFarATransferIs) {
  EXPECT_EQ(
      progress_lines({fetch('a')}, 79, 8),
      std::vector<std::string>{"fetch aaaaaaaaaaaa  12.3 MB of 58 MB  21%  6.15 MB/s  7s left"});
}

TEST(ProgressLines, SayWhatHasNotBegun) {
  Transfer transfer = fetch('a');
  transfer.has_begun = false;
  EXPECT_EQ(progress_lines({transfer}, 79, 8),
            std::vector<std::string>{"fetch aaaaaaaaaaaa  waiting for 3s"});
  // The size of what comes need not be known.
  transfer = fetch('b');
  transfer.progress.total = 0;
  EXPECT_EQ(progress_lines({transfer}, 79, 8),
            std::vector<std::string>{"fetch bbbbbbbbbbbb  12.3 MB  6.15 MB/s"});
}

TEST(ProgressLines, DoNotFlickerForWhatEndsSoon) {
  Transfer transfer = fetch('a');
  transfer.age = 400ms;
  EXPECT_TRUE(progress_lines({transfer}, 79, 8).empty());
}

TEST(ProgressLines, FitTheTerminal) {
  const std::vector<Transfer> many = {fetch('a'), fetch('b'), fetch('c'), fetch('d')};
  const auto lines = progress_lines(many, 30, 3);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0], "fetch aaaaaaaaaaaa  12.3 MB o…");
  EXPECT_EQ(lines[2], "and 2 more");
  EXPECT_TRUE(progress_lines(many, 30, 0).empty());
}

TEST(ProgressLines, LetNoNameMoveTheCursor) {
  Transfer transfer = fetch('a');
  transfer.work = "tag";
  transfer.object = "v\x1b[2J";
  transfer.has_begun = false;
  EXPECT_EQ(progress_lines({transfer}, 79, 8),
            std::vector<std::string>{"tag v\\x1b[2J  waiting for 3s"});
}

}  // namespace
}  // namespace digestfs::tools
