// SPDX-License-Identifier: Apache-2.0
#include "cache/open/block_sums.h"

#include <string>

#include <gtest/gtest.h>

#include "base/file.h"
#include "tests/support/image_builder.h"

namespace digestfs::cache {
namespace {

using namespace std::string_literals;

constexpr std::size_t kBlock = BlockSums::kBlock;

const Digest kObject = digest_of("object");

BlockSums sums_of(std::string_view bytes, std::size_t step = 10'000) {
  BlockSummer summer;
  while (!bytes.empty()) {
    const auto piece = bytes.substr(0, step);
    summer.update(as_bytes(piece));
    bytes.remove_prefix(piece.size());
  }
  return summer.finish();
}

std::string with_sum(const std::string& text) {
  return text + std::string(as_text(LastingSum::of(as_bytes(text))));
}

TEST(BlockSums, AreOfEachBlockHoweverTheBytesPassBy) {
  const std::string bytes = test::noise(2 * kBlock + 1000);
  const BlockSums sums = sums_of(bytes);
  ASSERT_EQ(sums.count(), 3U);
  EXPECT_EQ(sums.size(), bytes.size());
  EXPECT_EQ(sums.length(0), kBlock);
  EXPECT_EQ(sums.length(2), 1000U);
  for (std::size_t i = 0; i < sums.count(); ++i) {
    const auto block = std::string_view(bytes).substr(i * kBlock, kBlock);
    EXPECT_TRUE(sums.matches(i, as_bytes(block))) << i;
    EXPECT_FALSE(sums.matches((i + 1) % 3, as_bytes(block))) << i;
  }
  EXPECT_EQ(sums_of(bytes, bytes.size()), sums);
  EXPECT_EQ(sums_of(bytes, 1'000'000), sums);
}

TEST(BlockSums, AreNoneOfNoBytesAndWholeOfWholeBlocks) {
  EXPECT_EQ(sums_of("").count(), 0U);
  EXPECT_EQ(sums_of(std::string(kBlock, 'x')).count(), 1U);
  EXPECT_EQ(sums_of(std::string(2 * kBlock, 'x')).count(), 2U);
}

TEST(BlockSums, AreReadAsTheyWereWritten) {
  for (const std::size_t size : {std::size_t{0}, kBlock - 1, kBlock, 3 * kBlock + 1}) {
    const BlockSums sums = sums_of(test::noise(size));
    const std::string text = sums.text(kObject);
    const std::string line = "digestfs sums 1 " + kObject.str() + " " + std::to_string(size) + "\n";
    EXPECT_TRUE(text.starts_with(line)) << size;
    EXPECT_EQ(text.size(), line.size() + 16 * sums.count() + 16) << size;
    EXPECT_EQ(BlockSums::parse(text, kObject, size), sums) << size;
    EXPECT_FALSE(BlockSums::parse(text, kObject, size + 1)) << "of an object of another size";
    EXPECT_FALSE(BlockSums::parse(text, digest_of("another"), size)) << "of another object";
  }
}

TEST(BlockSums, B2AreNotReadIfAnyBitOfTheirFileIsAnother) {
  const std::size_t size = 5 * kBlock + 7;
  const std::string text = sums_of(test::noise(size)).text(kObject);
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = text;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      EXPECT_FALSE(BlockSums::parse(damaged, kObject, size)) << at << " bit " << bit;
      EXPECT_TRUE(BlockSums::is_damaged(damaged, kObject)) << at << " bit " << bit;
    }
    EXPECT_TRUE(BlockSums::is_damaged(text.substr(0, at), kObject)) << "cut at " << at;
    EXPECT_FALSE(BlockSums::parse(text.substr(0, at), kObject, size)) << "cut at " << at;
  }
  EXPECT_FALSE(BlockSums::parse(text + "x", kObject, size));
  EXPECT_TRUE(BlockSums::is_damaged(text + "x", kObject));
}

TEST(BlockSums, AreNotDamagedIfTheyAreOfAnotherSizeOrVersion) {
  const std::string text = sums_of("content").text(kObject);
  EXPECT_FALSE(BlockSums::is_damaged(text, kObject));
  EXPECT_TRUE(BlockSums::is_damaged(text, digest_of("another")));
  for (const std::string other : {"digestfs sums 2 in another way", "digestfs sums 12 \n"}) {
    EXPECT_FALSE(BlockSums::is_damaged(with_sum(other), kObject)) << other;
    EXPECT_FALSE(BlockSums::parse(with_sum(other), kObject, 7)) << other;
    EXPECT_TRUE(BlockSums::is_damaged(other, kObject)) << other << " without its sum";
  }
  for (const std::string none : {"", "digestfs sums", "digestfs sums  ", "digestfs sums x "}) {
    EXPECT_TRUE(BlockSums::is_damaged(with_sum(none), kObject)) << none;
  }
}

}  // namespace
}  // namespace digestfs::cache
