// SPDX-License-Identifier: Apache-2.0
#include "base/quick_sum.h"

#include <string>

#include <gtest/gtest.h>

#include "base/file.h"
#include "tests/support/image_builder.h"

namespace digestfs {
namespace {

QuickSum::Value sum_of(std::string_view text) {
  QuickSum sum;
  sum.update(as_bytes(text));
  return sum.value();
}

// XXH3 without a secret gives this for no bytes: whoever knows the secret can make collisions.
TEST(QuickSum, IsMadeWithASecret) {
  EXPECT_NE(QuickSum().value(), (QuickSum::Value{0x6001c324468d497f, 0x99aa06d3014798d8}));
  EXPECT_EQ(QuickSum().value(), QuickSum().value());
}

TEST(QuickSum, IsTheSameInPieces) {
  const std::string bytes = test::noise(100'000);
  QuickSum sum;
  for (std::size_t at = 0; at < bytes.size(); at += 777) {
    sum.update(as_bytes(std::string_view(bytes).substr(at, 777)));
  }
  EXPECT_EQ(sum.value(), sum_of(bytes));
}

TEST(QuickSum, NoticesEveryByte) {
  std::string bytes = test::noise(1000);
  const auto before = sum_of(bytes);
  for (char& byte : bytes) {
    byte = static_cast<char>(byte ^ 1);
    EXPECT_NE(sum_of(bytes), before);
    byte = static_cast<char>(byte ^ 1);
  }
}

}  // namespace
}  // namespace digestfs
