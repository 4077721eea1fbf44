// SPDX-License-Identifier: Apache-2.0
#include "archive/tar_sparse.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace digestfs::archive {
namespace {

using State = SparseMapText::State;

TarBlock block(std::string_view text) {
  TarBlock bytes{};
  std::ranges::copy(text, bytes.begin());
  return bytes;
}

TEST(TarSparse, ReadsAMapInOneBlock) {
  SparseMapText map;
  EXPECT_EQ(map.take(block("2\n0\n5\n1000\n24\n")), State::complete);
  EXPECT_EQ(map.runs(), (std::vector<SparseRun>{{0, 5}, {1000, 24}}));
}

TEST(TarSparse, ReadsAMapThatIsCutInsideOfANumber) {
  const std::string text = "1\n" + std::string(509, '0') + "12\n7\n";
  SparseMapText map;
  EXPECT_EQ(map.take(block(std::string_view(text).substr(0, kTarBlock))), State::incomplete);
  EXPECT_EQ(map.take(block(std::string_view(text).substr(kTarBlock))), State::complete);
  EXPECT_EQ(map.runs(), (std::vector<SparseRun>{{12, 7}}));
}

TEST(TarSparse, RefusesAMapThatMakesNoSense) {
  for (const std::string text :
       {"x\n", "-1\n", "1\n0\n-5\n", "1\n0\n\n", "99999999999999999999\n"}) {
    SparseMapText map;
    EXPECT_EQ(map.take(block(text)), State::defective) << text;
    EXPECT_NE(map.defect(), "") << text;
  }
  SparseMapText map;
  EXPECT_EQ(map.take(block("1000000\n")), State::defective);
  EXPECT_EQ(map.defect(), "its sparse map is too long");
}

TEST(TarSparse, RefusesALineThatDoesNotEnd) {
  const std::string digits(kTarBlock, '1');
  SparseMapText map;
  EXPECT_EQ(map.take(block(digits)), State::incomplete);
  EXPECT_EQ(map.take(block(digits)), State::defective);
}

TEST(TarSparse, KnowsRunsThatAreInOrder) {
  EXPECT_TRUE(is_valid_map({}, 0));
  EXPECT_TRUE(is_valid_map({{0, 5}, {5, 5}}, 10));
  EXPECT_FALSE(is_valid_map({{0, 5}, {4, 5}}, 10));
  EXPECT_FALSE(is_valid_map({{0, 11}}, 10));
  EXPECT_FALSE(is_valid_map({{UINT64_MAX, 2}}, 10));
}

}  // namespace
}  // namespace digestfs::archive
