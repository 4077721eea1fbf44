// SPDX-License-Identifier: Apache-2.0
#include "archive/pax.h"

#include <optional>
#include <string>

#include <gtest/gtest.h>

namespace digestfs::archive {
namespace {

TEST(Pax, RecordsAreKeysAndValues) {  // TAR-5
  using namespace std::string_literals;
  EXPECT_EQ(parse_pax(""), PaxRecords());
  EXPECT_EQ(parse_pax("6 a=1\n"), (PaxRecords{{"a", "1"}}));
  EXPECT_EQ(parse_pax("5 a=\n"), (PaxRecords{{"a", ""}}));
  EXPECT_EQ(parse_pax("6 a=1\n6 a=2\n"), (PaxRecords{{"a", "2"}}));
  EXPECT_EQ(parse_pax("13 a=b=c\n\nd=\n"), (PaxRecords{{"a", "b=c\n\nd="}}));
  EXPECT_EQ(parse_pax("8 a=\0x\xff\n"s), (PaxRecords{{"a", "\0x\xff"s}}));
}

TEST(Pax, RecordsThatAreNoneAreRefused) {
  using namespace std::string_literals;
  for (const std::string& text :
       {"6 a=1"s, "7 a=1\n"s, "5 a=1\n"s, "a=1\n"s, "4 a\n"s, "5 =1\n"s, "-6 a=1\n"s, "0 a=1\n"s,
        "6 a=1\nx"s, "6a=1\n"s, " 6 a=1\n"s, "99999999999999999999 a=1\n"s, "10 path=\0\n"s,
        "6 \0=1\n"s, "6\n"s}) {
    EXPECT_EQ(parse_pax(text), std::nullopt) << text;
  }
}

TEST(Pax, SparseMapsOfVersion00BecomeThoseOf01) {  // TAR-9
  const std::string offset = "22 GNU.sparse.offset=1\n";
  EXPECT_EQ(parse_pax("23 GNU.sparse.offset=0\n25 GNU.sparse.numbytes=5\n"
                      "23 GNU.sparse.offset=9\n25 GNU.sparse.numbytes=1\n"),
            (PaxRecords{{"GNU.sparse.map", "0,5,9,1"}}));
  EXPECT_EQ(parse_pax("25 GNU.sparse.numbytes=5\n"), std::nullopt);
  EXPECT_EQ(parse_pax("23 GNU.sparse.offset=0\n23 GNU.sparse.offset=0\n"), std::nullopt);
  EXPECT_EQ(parse_pax("25 GNU.sparse.offset=0,1\n"), std::nullopt);
}

TEST(Pax, T3TimesAreExactToTheNanosecond) {  // TAR-6
  EXPECT_EQ(parse_pax_time("0"), (Timestamp{0, 0}));
  EXPECT_EQ(parse_pax_time("1."), (Timestamp{1, 0}));
  EXPECT_EQ(parse_pax_time("1350244992.023960108"), (Timestamp{1350244992, 23960108}));
  EXPECT_EQ(parse_pax_time("1.5"), (Timestamp{1, 500000000}));
  EXPECT_EQ(parse_pax_time("1.1234567899"), (Timestamp{1, 123456789}));
  EXPECT_EQ(parse_pax_time("-1.5"), (Timestamp{-2, 500000000}));
  EXPECT_EQ(parse_pax_time("-0.25"), (Timestamp{-1, 750000000}));
  EXPECT_EQ(parse_pax_time("-7"), (Timestamp{-7, 0}));
  for (const char* text : {"", ".", ".5", "1.x", "1.-5", "1e9", "--1", "9223372036854775808"}) {
    EXPECT_EQ(parse_pax_time(text), std::nullopt) << text;
  }
  EXPECT_EQ(parse_pax_time("-9223372036854775808.5"), std::nullopt);
}

}  // namespace
}  // namespace digestfs::archive
