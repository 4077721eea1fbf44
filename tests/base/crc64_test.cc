// SPDX-License-Identifier: Apache-2.0
#include "base/crc64.h"

#include <string>

#include <gtest/gtest.h>

#include "base/file.h"

namespace digestfs {
namespace {

std::uint64_t crc_of(std::string_view text) {
  Crc64 crc;
  crc.update(as_bytes(text));
  return crc.value();
}

TEST(Crc64, IsThatOfGo) {  // hash/crc64's tests, table ISO
  EXPECT_EQ(crc_of(""), 0U);
  EXPECT_EQ(crc_of("a"), 0x3420000000000000U);
  EXPECT_EQ(crc_of("ab"), 0x36c4200000000000U);
  EXPECT_EQ(crc_of("abc"), 0x3776c42000000000U);
  EXPECT_EQ(crc_of("123456789"), 0xb90956c775a41001U);
}

TEST(Crc64, DoesNotDependOnHowTheBytesAreCut) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += std::to_string(i * i);
  for (std::size_t cut = 0; cut <= text.size(); cut += 7) {
    Crc64 crc;
    crc.update(as_bytes(std::string_view(text).substr(0, cut)));
    crc.update(as_bytes(std::string_view(text).substr(cut)));
    EXPECT_EQ(crc.value(), crc_of(text)) << cut;
  }
}

}  // namespace
}  // namespace digestfs
