// SPDX-License-Identifier: Apache-2.0
#include "registry/http/content_range.h"

#include <gtest/gtest.h>

namespace digestfs::registry {
namespace {

TEST(ContentRange, SaysWhichBytesOfHowMany) {  // EP-9
  const auto range = parse_content_range("bytes 5-9/10");
  ASSERT_TRUE(range && range->span);
  EXPECT_EQ(range->span->first, 5U);
  EXPECT_EQ(range->span->last, 9U);
  EXPECT_EQ(range->total, 10U);
}

TEST(ContentRange, MayNotKnowTheTotal) {
  const auto range = parse_content_range("Bytes 0-0/*");
  ASSERT_TRUE(range && range->span);
  EXPECT_FALSE(range->total);
}

TEST(ContentRange, MayHaveNoSpan) {  // 416
  const auto range = parse_content_range("bytes */7");
  ASSERT_TRUE(range);
  EXPECT_FALSE(range->span);
  EXPECT_EQ(range->total, 7U);
}

TEST(ContentRange, RefusesWhatContradictsItself) {
  for (const char* field :
       {"", "bytes", "bytes 0-9", "bytes 9-5/10", "bytes 0-10/10", "bytes -1-5/10", "items 0-1/2",
        "bytes 0-1/", "bytes 0-/10", "bytes */*", "bytes 0-99999999999999999999/*", "bytes 0-1/2x",
        "bytes 0x0-1/2", "bytes 0-1,3-4/9"}) {
    EXPECT_FALSE(parse_content_range(field)) << field;
  }
}

}  // namespace
}  // namespace digestfs::registry
