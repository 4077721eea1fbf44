// SPDX-License-Identifier: Apache-2.0
#include "registry/host/back_off.h"

#include <gtest/gtest.h>

namespace digestfs::registry {
namespace {

using namespace std::chrono_literals;

TEST(BackOff, DoublesUpToItsBound) {  // RTY-2
  const RetryPolicy policy;
  EXPECT_EQ(back_off(policy, 1, 1), 500ms);
  EXPECT_EQ(back_off(policy, 2, 1), 1s);
  EXPECT_EQ(back_off(policy, 3, 1), 2s);
  EXPECT_EQ(back_off(policy, 7, 1), 30s);
  EXPECT_EQ(back_off(policy, 1'000'000, 1), 30s);
}

TEST(BackOff, IsAnyPartOfThat) {
  const RetryPolicy policy;
  EXPECT_EQ(back_off(policy, 3, 0), 0ms);
  EXPECT_EQ(back_off(policy, 3, 0.25), 500ms);
  EXPECT_EQ(back_off(policy, 3, 7), 2s);
}

TEST(RetryAfter, IsSecondsOrADate) {                                       // RTY-3, B6
  const auto now = std::chrono::system_clock::from_time_t(1'000'000'000);  // 2001-09-09 01:46:40
  EXPECT_EQ(parse_retry_after("2", now), 2s);
  EXPECT_EQ(parse_retry_after("0", now), 0s);
  EXPECT_EQ(parse_retry_after("21600", now), 6h);
  EXPECT_EQ(parse_retry_after("Sun, 09 Sep 2001 01:47:00 GMT", now), 20s);
  EXPECT_EQ(parse_retry_after("Sun, 09 Sep 9999 01:47:00 GMT", now), 366 * 24h);
}

TEST(RetryAfter, IsNothingWhereItIsNeitherOrOver) {
  const auto now = std::chrono::system_clock::from_time_t(1'000'000'000);
  for (const char* value : {"", "-1", "abc", "2.5", "1 s", "Sun, 09 Sep 2001 01:46:40 GMT",
                            "Sun, 09 Sep 1000 01:47:00 GMT", "Sun, 09 Sep 2001 01:47:00 GMT!",
                            "99999999999999999999999"}) {
    EXPECT_FALSE(parse_retry_after(value, now)) << value;
  }
}

}  // namespace
}  // namespace digestfs::registry
