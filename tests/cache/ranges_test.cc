// SPDX-License-Identifier: Apache-2.0
#include "cache/ranges.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace digestfs::cache {
namespace {

TEST(RangesTest, AreGivenOutFromTheFrontInParts) {
  Ranges ranges({100, 250}, 60);
  std::vector<Span> parts;
  for (int i = 0; i < 3; ++i) parts.push_back(ranges.missing_of(ranges.take({}).value()));
  EXPECT_EQ(parts, (std::vector<Span>{{100, 160}, {160, 220}, {220, 250}}));
}

TEST(RangesTest, ReachAsFarAsNothingIsMissing) {
  Ranges ranges({0, 300}, 100);
  const auto first = ranges.take({}).value();
  const auto second = ranges.take({}).value();
  EXPECT_EQ(ranges.reached(), 0U);
  ranges.advance(second, 200);
  EXPECT_EQ(ranges.reached(), 0U);
  ranges.advance(first, 40);
  EXPECT_EQ(ranges.reached(), 40U);
  ranges.advance(first, 100);
  EXPECT_EQ(ranges.reached(), 200U) << "what nobody has taken is missing";
  const auto third = ranges.take({}).value();
  ranges.advance(third, 300);
  EXPECT_EQ(ranges.reached(), 300U);
}

TEST(RangesTest, AreGivenOutAgainWithoutWhatHasCome) {
  Ranges ranges({0, 300}, 100);
  const auto first = ranges.take({}).value();
  const auto second = ranges.take({}).value();
  ranges.advance(second, 170);
  ranges.give_back(second);
  ranges.advance(first, 30);
  ranges.give_back(first);
  EXPECT_EQ(ranges.reached(), 30U);
  EXPECT_EQ(ranges.missing_of(ranges.take({}).value()), (Span{30, 100}));
  EXPECT_EQ(ranges.missing_of(ranges.take({}).value()), (Span{170, 200}));
  EXPECT_EQ(ranges.missing_of(ranges.take({}).value()), (Span{200, 300}));
}

TEST(RangesTest, NeverPassTheEndOfAPart) {
  Ranges ranges({0, 200}, 100);
  const auto first = ranges.take({}).value();
  ranges.advance(first, 170);
  EXPECT_EQ(ranges.missing_of(first), (Span{100, 100}));
  EXPECT_EQ(ranges.reached(), 100U);
}

TEST(RangesTest, LetWaitForWhatMayBeGivenBack) {
  Ranges ranges({0, 100}, 100);
  const auto part = ranges.take({}).value();
  std::atomic<bool> has_got = false;
  std::jthread other([&](const std::stop_token& stop) {
    const auto taken = ranges.take(stop);
    ASSERT_TRUE(taken);
    EXPECT_EQ(ranges.missing_of(*taken), (Span{10, 100}));
    has_got = true;
    ranges.advance(*taken, 100);
    ranges.give_back(*taken);
  });
  ranges.advance(part, 10);
  EXPECT_FALSE(has_got);
  ranges.give_back(part);
  other.join();
  EXPECT_TRUE(has_got);
  EXPECT_FALSE(ranges.take({})) << "nothing is missing any longer";
}

TEST(RangesTest, StopWaiting) {
  Ranges ranges({0, 100}, 100);
  const auto part = ranges.take({}).value();
  std::jthread other([&](const std::stop_token& stop) { EXPECT_FALSE(ranges.take(stop)); });
  other.request_stop();
  other.join();
  ranges.give_back(part);
}

TEST(RangesTest, OfNothingHaveNoParts) {
  Ranges ranges({7, 7}, 100);
  EXPECT_FALSE(ranges.take({}));
  EXPECT_EQ(ranges.reached(), 7U);
}

}  // namespace
}  // namespace digestfs::cache
