// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <gtest/gtest.h>

namespace digestfs {
namespace {

TEST(Escaped, HasNothingThatATerminalObeys) {
  EXPECT_EQ(escaped("a\x1b[2J\nb\x7f\xc2\x9b"), "a\\x1b[2J\\x0ab\\x7f\\xc2\\x9b");
  EXPECT_EQ(escaped("Gr\xc3\xb6\xc3\x9f"
                    "e \xc2\xa0"),
            "Gr\xc3\xb6\xc3\x9f"
            "e \xc2\xa0");
}

TEST(Shortened, CutsNoCharacterInTwo) {
  EXPECT_EQ(shortened("abc", 3), "abc");
  EXPECT_EQ(shortened("abcd", 3), "abc\xe2\x80\xa6");
  EXPECT_EQ(shortened("ab\xc3\xb6z", 3), "ab\xe2\x80\xa6");
  EXPECT_EQ(shortened("\x80\x80\x80", 2), "\xe2\x80\xa6");
}

}  // namespace
}  // namespace digestfs
