// SPDX-License-Identifier: Apache-2.0
#include "base/rfc3339.h"

#include <chrono>
#include <cstdint>

#include <gtest/gtest.h>

namespace digestfs {
namespace {

TEST(Rfc3339, IsReadFromRfc3339) {
  EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00Z"), (Timestamp{0, 0}));
  EXPECT_EQ(parse_rfc3339("2001-09-09T01:46:40.123456789Z"), (Timestamp{1'000'000'000, 123456789}));
  EXPECT_EQ(parse_rfc3339("2001-09-09T03:46:40.5+02:00"), (Timestamp{1'000'000'000, 500'000'000}));
  EXPECT_EQ(parse_rfc3339("2001-09-08T20:16:40-05:30"), (Timestamp{1'000'000'000, 0}));
}

TEST(Rfc3339, IsNothingWhereTheTextGivesNoneSince1970) {
  for (const char* text : {"", "yesterday", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00+01:00",
                           "2001-13-09T01:46:40Z", "2001-09-09T01:46:40", "2001-09-09T01:46:40Zx",
                           "2001-09-09", "-001-09-09T01:46:40Z", "2001-09-09T01:46:40+2:00"}) {
    EXPECT_FALSE(parse_rfc3339(text)) << text;
  }
}

TEST(Rfc3339, IsWrittenInUtcToTheMillisecond) {
  using std::chrono::milliseconds;
  const auto at = [](std::int64_t count) {
    return std::chrono::system_clock::time_point(milliseconds(count));
  };
  EXPECT_EQ(rfc3339_text(at(0)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(rfc3339_text(at(1'000'000'000'007)), "2001-09-09T01:46:40.007Z");
}

}  // namespace
}  // namespace digestfs
