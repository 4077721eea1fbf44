// SPDX-License-Identifier: Apache-2.0
#include "base/lasting_sum.h"

#include <string>

#include <gtest/gtest.h>

#include "base/file.h"
#include "tests/support/image_builder.h"

namespace digestfs {
namespace {

std::string hex(const LastingSum::Value& sum) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : sum) {
    text += kDigits[std::to_integer<unsigned>(byte) >> 4U];
    text += kDigits[std::to_integer<unsigned>(byte) & 0xfU];
  }
  return text;
}

// What `printf '' | xxh128sum` and `printf digestfs | xxh128sum` print.
TEST(LastingSum, IsWhatOtherProgramsMake) {
  EXPECT_EQ(hex(LastingSum::of({})), "99aa06d3014798d86001c324468d497f");
  EXPECT_EQ(hex(LastingSum::of(as_bytes("digestfs"))), "fb10c1a35da10f7dd6e86e1865d10241");
}

TEST(LastingSum, IsTheSameInPieces) {
  const std::string bytes = test::noise(100'000);
  LastingSum sum;
  for (int round = 0; round < 2; ++round) {
    for (std::size_t at = 0; at < bytes.size(); at += 777) {
      sum.update(as_bytes(std::string_view(bytes).substr(at, 777)));
    }
    EXPECT_EQ(sum.value(), LastingSum::of(as_bytes(bytes)));
    sum.reset();
  }
}

TEST(LastingSum, NoticesEveryByte) {
  std::string bytes = test::noise(1000);
  const auto before = LastingSum::of(as_bytes(bytes));
  for (char& byte : bytes) {
    byte = static_cast<char>(byte ^ 1);
    EXPECT_NE(LastingSum::of(as_bytes(bytes)), before);
    byte = static_cast<char>(byte ^ 1);
  }
}

}  // namespace
}  // namespace digestfs
