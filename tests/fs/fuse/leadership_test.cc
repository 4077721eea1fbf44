// SPDX-License-Identifier: Apache-2.0
#include "fs/fuse/leadership.h"

#include <atomic>
#include <chrono>
#include <future>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace digestfs::fs {
namespace {

using namespace std::chrono_literals;

// So long that no follower takes over by itself while a test runs.
constexpr auto kForEver = std::chrono::microseconds(1h);

TEST(Leadership, StaysWithTheThreadThatAnswersQuickly) {
  Leadership leadership(2, kForEver);
  ASSERT_TRUE(leadership.await(0));
  auto follower = std::async(std::launch::async, [&] { return leadership.await(1); });
  for (int i = 0; i < 1000; ++i) {
    leadership.begin(0);
    leadership.end(0);
    ASSERT_TRUE(leadership.await(0));
  }
  EXPECT_EQ(follower.wait_for(0s), std::future_status::timeout);
  leadership.close();
  EXPECT_FALSE(follower.get());
  EXPECT_FALSE(leadership.await(0));
}

TEST(Leadership, GoesToAFollowerWhenARequestKeepsTheLeader) {
  Leadership leadership(2, 100us);
  ASSERT_TRUE(leadership.await(0));
  leadership.begin(0);
  EXPECT_TRUE(leadership.await(1));
  leadership.end(0);
  auto before = std::async(std::launch::async, [&] { return leadership.await(0); });
  EXPECT_EQ(before.wait_for(20ms), std::future_status::timeout) << "the other one leads";
  leadership.close();
  EXPECT_FALSE(before.get());
}

TEST(Leadership, WakesAFollowerThatHasGoneToSleep) {
  Leadership leadership(2, 1us);
  ASSERT_TRUE(leadership.await(0));
  auto follower = std::async(std::launch::async, [&] { return leadership.await(1); });
  // Long enough for it to see that there is nothing to do.
  EXPECT_EQ(follower.wait_for(50ms), std::future_status::timeout);
  leadership.begin(0);
  EXPECT_TRUE(follower.get());
}

TEST(Leadership, IsPassedOnAtOnce) {
  Leadership leadership(3, kForEver);
  ASSERT_TRUE(leadership.await(0));
  auto first = std::async(std::launch::async, [&] { return leadership.await(1); });
  leadership.begin(0);
  leadership.pass_on(0);
  leadership.pass_on(0);  // it is no longer its own
  EXPECT_TRUE(first.get());
  auto second = std::async(std::launch::async, [&] { return leadership.await(2); });
  leadership.begin(1);
  leadership.pass_on(1);
  EXPECT_TRUE(second.get());
}

TEST(Leadership, GoesAroundUntilAllThreadsAreKept) {
  constexpr std::size_t kThreads = 4;
  Leadership leadership(kThreads, 100us);
  std::promise<void> end;
  const auto ended = end.get_future().share();
  std::atomic<std::size_t> kept{0};
  std::vector<std::jthread> threads;
  for (std::size_t me = 0; me < kThreads; ++me) {
    threads.emplace_back([&, me] {
      if (!leadership.await(me)) return;
      leadership.begin(me);
      if (++kept == kThreads) end.set_value();
      ended.wait();
      leadership.end(me);
    });
  }
  ended.wait();  // or the test never ends
  EXPECT_EQ(kept, kThreads);
}

TEST(Leadership, SurvivesThreadsThatAreKeptNowAndThen) {
  constexpr std::size_t kThreads = 4;
  Leadership leadership(kThreads, 50us);
  std::atomic<int> left{2000};
  std::vector<std::jthread> threads;
  for (std::size_t me = 0; me < kThreads; ++me) {
    threads.emplace_back([&, me] {
      while (leadership.await(me)) {
        const int number = --left;
        if (number < 0) break;
        leadership.begin(me);
        if (number % 17 == 0) leadership.pass_on(me);
        if (number % 13 == 0) std::this_thread::sleep_for(200us);
        leadership.end(me);
      }
      leadership.close();
    });
  }
  threads.clear();
  EXPECT_LE(left, -1);
}

}  // namespace
}  // namespace digestfs::fs
