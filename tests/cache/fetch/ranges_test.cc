// SPDX-License-Identifier: Apache-2.0
#include "cache/fetch/ranges.h"

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace digestfs::cache {
namespace {

TEST(RangesTest, AreGivenOutFromTheFrontInParts) {
  Ranges ranges({100, 250}, {.part = 60});
  std::vector<Span> parts;
  for (int i = 0; i < 3; ++i) parts.push_back(ranges.missing_of(ranges.take({}).value()));
  EXPECT_EQ(parts, (std::vector<Span>{{100, 160}, {160, 220}, {220, 250}}));
}

TEST(RangesTest, ReachAsFarAsNothingIsMissing) {
  Ranges ranges({0, 300}, {.part = 100});
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
  Ranges ranges({0, 300}, {.part = 100});
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
  Ranges ranges({0, 200}, {.part = 100});
  const auto first = ranges.take({}).value();
  ranges.advance(first, 170);
  EXPECT_EQ(ranges.missing_of(first), (Span{100, 100}));
  EXPECT_EQ(ranges.reached(), 100U);
}

TEST(RangesTest, LetWaitForWhatMayBeGivenBack) {
  Ranges ranges({0, 100}, {.part = 100});
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
  Ranges ranges({0, 100}, {.part = 100});
  const auto part = ranges.take({}).value();
  std::jthread other([&](const std::stop_token& stop) { EXPECT_FALSE(ranges.take(stop)); });
  other.request_stop();
  other.join();
  ranges.give_back(part);
}

TEST(RangesTest, AreExtendedByWhatNobodyFetches) {
  Ranges ranges({0, 250}, {.part = 100});
  const auto first = ranges.take({}).value();
  EXPECT_TRUE(ranges.extend(first));
  EXPECT_EQ(ranges.missing_of(first), (Span{0, 200}));
  const auto last = ranges.take({}).value();
  EXPECT_EQ(ranges.missing_of(last), (Span{200, 250}));
  EXPECT_FALSE(ranges.extend(first)) << "somebody else fetches it";
  EXPECT_FALSE(ranges.extend(last)) << "there is nothing behind it";
  ranges.give_back(last);
  EXPECT_TRUE(ranges.extend(first));
  EXPECT_EQ(ranges.missing_of(first), (Span{0, 250}));
}

TEST(RangesTest, AreNotGivenOutFarBehindAGap) {
  Ranges ranges({0, 1000}, {.part = 100, .window = 200, .patience = std::chrono::hours(1)});
  const auto first = ranges.take({}).value();
  const auto second = ranges.take({}).value();
  std::atomic<bool> has_got = false;
  std::jthread other([&](const std::stop_token& stop) {
    const auto third = ranges.take(stop);
    ASSERT_TRUE(third);
    EXPECT_EQ(ranges.missing_of(*third), (Span{200, 300}));
    has_got = true;
    ranges.give_back(*third);
  });
  ranges.advance(second, 200);
  EXPECT_FALSE(has_got);
  ranges.advance(first, 1);
  other.join();
  EXPECT_TRUE(has_got);
}

TEST(RangesTest, AreTakenOverFromASlowConnectionOnce) {
  Ranges ranges({0, 100}, {.part = 100, .patience = {}});
  const auto slow = ranges.take({}).value();
  ranges.advance(slow, 30);
  const auto taken_over = ranges.take({}).value();
  EXPECT_EQ(ranges.missing_of(taken_over), (Span{30, 100}));
  EXPECT_EQ(ranges.missing_of(slow).size(), 0U);
  ranges.advance(slow, 50);
  EXPECT_EQ(ranges.reached(), 30U) << "what the slow one brings counts no longer";
  std::stop_source stop;
  std::jthread other([&] { EXPECT_FALSE(ranges.take(stop.get_token())); });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(ranges.missing_of(taken_over), (Span{30, 100})) << "nobody takes it over again";
  stop.request_stop();
  other.join();
  ranges.advance(taken_over, 100);
  ranges.give_back(slow);
  ranges.give_back(taken_over);
  EXPECT_EQ(ranges.reached(), 100U);
  EXPECT_FALSE(ranges.take({}));
}

TEST(RangesTest, AreCompleteThoughASlowConnectionStillHasAPart) {
  Ranges ranges({0, 100}, {.part = 100, .patience = {}});
  const auto slow = ranges.take({}).value();
  const auto taken_over = ranges.take({}).value();
  EXPECT_FALSE(ranges.are_complete());
  ranges.advance(taken_over, 100);
  ranges.give_back(taken_over);
  EXPECT_TRUE(ranges.are_complete());
  EXPECT_FALSE(ranges.take({})) << "nobody waits for the slow one";
  ranges.give_back(slow);
}

TEST(RangesTest, OfNothingHaveNoParts) {
  Ranges ranges({7, 7}, {.part = 100});
  EXPECT_FALSE(ranges.take({}));
  EXPECT_EQ(ranges.reached(), 7U);
}

}  // namespace
}  // namespace digestfs::cache
