// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <chrono>
#include <cstdint>
#include <optional>

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

TEST(ParseDecimal, TakesDigitsAndNothingElse) {
  EXPECT_EQ(parse_decimal("0"), 0U);
  EXPECT_EQ(parse_decimal("18446744073709551615"), UINT64_MAX);
  for (const char* text : {"", "+5", "-5", "5.0", " 5", "5 ", "0x5", "18446744073709551616"}) {
    EXPECT_EQ(parse_decimal(text), std::nullopt) << text;
  }
}

TEST(ParseSignedDecimal, TakesASignAsGoDoes) {  // strconv.ParseInt
  EXPECT_EQ(parse_signed_decimal("+5"), 5);
  EXPECT_EQ(parse_signed_decimal("-5"), -5);
  EXPECT_EQ(parse_signed_decimal("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(parse_signed_decimal("-9223372036854775808"), INT64_MIN);
  for (const char* text :
       {"", "+", "-", "5.0", " 5", "5 ", "0x5", "+-5", "--5", "9223372036854775808"}) {
    EXPECT_EQ(parse_signed_decimal(text), std::nullopt) << text;
  }
}

TEST(SizeText, HasThreeDigitsAndAUnit) {
  EXPECT_EQ(size_text(0), "0 B");
  EXPECT_EQ(size_text(34), "34 B");
  EXPECT_EQ(size_text(999), "999 B");
  EXPECT_EQ(size_text(999'600), "1 MB");
  EXPECT_EQ(size_text(2'167'000), "2.17 MB");
  EXPECT_EQ(size_text(18'446'744'073'709'551'615U), "18.4 EB");
}

TEST(DurationText, IsAsPeopleWriteIt) {
  using namespace std::chrono_literals;
  EXPECT_EQ(duration_text(0s), "0s");
  EXPECT_EQ(duration_text(59s), "59s");
  EXPECT_EQ(duration_text(249s), "4m09s");
  EXPECT_EQ(duration_text(2h + 4min + 59s), "2h04m");
}

}  // namespace
}  // namespace digestfs
