// SPDX-License-Identifier: Apache-2.0
#include "cache/unpack/layer_pass.h"

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "tests/support/image_builder.h"

namespace digestfs::cache {
namespace {

using namespace std::string_literals;

struct TextSink final : ByteSink {
  void write(std::span<const std::byte> bytes) override { text += as_text(bytes); }
  std::string text;
};

struct Outcome {
  std::string tar;
  std::optional<LayerContent> content;
  std::optional<Errc> failure;
};

Outcome pass(std::string_view layer, const LayerLimits& limits = {}, std::size_t step = 1000) {
  TextSink sink;
  Outcome outcome;
  try {
    LayerPass pass(sink, limits);
    for (; !layer.empty(); layer.remove_prefix(std::min(step, layer.size()))) {
      pass.write(as_bytes(layer.substr(0, step)));
    }
    outcome.content = pass.finish();
  } catch (const Error& error) {
    outcome.failure = error.code();
  }
  outcome.tar = sink.text;
  return outcome;
}

// The empty layer of every image that buildah makes; both digests are known everywhere.
const std::string kEmptyLayer =
    "\x1f\x8b\x08\x00\x00\x09\x6e\x88\x00\xff\x62\x18\x05\xa3\x60\x14\x8c"
    "\x58\x00\x00\x00\x00\xff\xff\x03\x00\x2e\xaf\xb5\xef\x00\x04\x00\x00"s;
constexpr std::string_view kEmptyBlob =
    "sha256:bd9ddc54bea929a22b334e73e026d4136e5b73f5cc29942896c72e4ece69b13d";
constexpr std::string_view kEmptyDiff =
    "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";

TEST(LayerPass, UnpacksTheEmptyLayerToItsDiff) {
  ASSERT_EQ(kEmptyLayer.size(), 34U);
  ASSERT_EQ(digest_of(kEmptyLayer).str(), kEmptyBlob);
  for (const std::size_t step : {1U, 5U, 6U, 7U, 34U}) {
    const Outcome outcome = pass(kEmptyLayer, {}, step);
    ASSERT_TRUE(outcome.content) << step;
    EXPECT_EQ(digest_of(outcome.tar).str(), kEmptyDiff);
    EXPECT_EQ(outcome.content->size, 1024U);
    EXPECT_EQ(outcome.content->compression, archive::Compression::gzip);
    EXPECT_EQ(outcome.tar, std::string(1024, '\0'));
  }
}

// MT-2, D5.
TEST(LayerPass, TakesALayerOfNoBytesForAnEmptyOne) {
  const Outcome outcome = pass("");
  ASSERT_TRUE(outcome.content);
  EXPECT_EQ(digest_of(outcome.tar).str(),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(outcome.content->size, 0U);
  EXPECT_EQ(outcome.content->compression, archive::Compression::none);
}

TEST(LayerPass, TakesALayerShorterThanAnyMagic) {
  for (const std::string& layer : {"x"s, "abc"s, "\x1f"s, "\x28\xb5\x2f"s}) {
    const Outcome outcome = pass(layer, {}, 1);
    ASSERT_TRUE(outcome.content) << testing::PrintToString(layer);
    EXPECT_EQ(outcome.tar, layer);
  }
}

// D5: there is no media type to lie here, only bytes.
TEST(LayerPass, FindsOutTheCompression) {
  const std::string archive = test::tar({{"etc/passwd", "root"}, {"bin", "", '5'}});
  const std::vector<std::pair<std::string, archive::Compression>> layers = {
      {archive, archive::Compression::none},
      {test::gzip(archive), archive::Compression::gzip},
      {test::zstd(archive), archive::Compression::zstd},
      {test::zstd_skippable("first") + test::zstd(archive), archive::Compression::zstd},
  };
  for (const auto& [layer, compression] : layers) {
    for (const std::size_t step : {1U, 5U, 4096U}) {
      const Outcome outcome = pass(layer, {}, step);
      ASSERT_TRUE(outcome.content) << to_string(compression);
      EXPECT_EQ(outcome.content->compression, compression);
      EXPECT_EQ(outcome.content->size, archive.size());
      EXPECT_EQ(outcome.tar, archive);
      EXPECT_EQ(digest_of(outcome.tar), digest_of(archive));
    }
  }
}

// DEC-e, D6 (b).
TEST(LayerPass, PassesOnWhatFollowsTheEndOfTheTar) {
  const std::string archive = test::tar({{"file", "content"}});
  const std::string longer = archive + std::string(8192, '\0') + "after the end";
  for (const std::string& layer :
       {longer, test::gzip(longer), test::zstd(longer),
        test::gzip(archive) + test::gzip(longer.substr(archive.size()))}) {
    const Outcome outcome = pass(layer);
    ASSERT_TRUE(outcome.content);
    EXPECT_EQ(digest_of(outcome.tar), digest_of(longer));
    EXPECT_EQ(outcome.content->size, longer.size());
  }
}

// D2.
TEST(LayerPass, PassesTheRemarkOn) {
  const Outcome outcome = pass(kEmptyLayer + "garbage");
  ASSERT_TRUE(outcome.content);
  EXPECT_EQ(digest_of(outcome.tar).str(), kEmptyDiff);
  EXPECT_NE(outcome.content->remark, "");
  EXPECT_EQ(pass(kEmptyLayer + std::string(512, '\0')).content->remark, "");
}

// D3: also where the tar was complete already.
TEST(LayerPass, FailsWhereTheStreamEndsEarly) {
  for (std::size_t size = 6; size < kEmptyLayer.size(); ++size) {
    EXPECT_EQ(pass(kEmptyLayer.substr(0, size)).failure, Errc::corrupt) << size;
  }
  const std::string frame = test::zstd(test::tar({{"file"}}));
  EXPECT_EQ(pass(frame.substr(0, frame.size() - 1)).failure, Errc::corrupt);
}

TEST(LayerPass, RefusesCompressionsItCannotRead) {
  EXPECT_EQ(pass("BZh91AY&SY").failure, Errc::unsupported);
  EXPECT_EQ(pass("\xfd"
                 "7zXZ\x00 and more"s)
                .failure,
            Errc::unsupported);
}

// DEC-d, D7.
TEST(LayerPass, EndsAtItsLimit) {
  const LayerLimits limits{.bytes = 1U << 20U};
  const std::string enough((1U << 20U), '\0');
  for (const std::string& layer : {enough, test::gzip(enough), test::zstd(enough)}) {
    EXPECT_FALSE(pass(layer, limits).failure);
  }
  const std::string bomb(64U << 20U, '\0');
  for (const std::string& layer :
       {enough + "x", test::gzip(bomb), test::zstd(bomb), test::gzip(enough) + test::gzip("x")}) {
    const Outcome outcome = pass(layer, limits);
    EXPECT_EQ(outcome.failure, Errc::too_large);
    EXPECT_LE(outcome.tar.size(), enough.size()) << "written beyond the limit";
  }
}

TEST(LayerPass, EndsWhereItGrowsOutOfProportion) {
  const LayerLimits limits{.ratio = 100, .ratio_from = 1U << 20U};
  const std::string zeros(8U << 20U, '\0');
  EXPECT_EQ(pass(test::zstd(zeros), limits).failure, Errc::too_large);
  EXPECT_EQ(pass(test::gzip(zeros), limits).failure, Errc::too_large);
  // In proportion; and out of it, but small.
  EXPECT_FALSE(pass(zeros, limits).failure);
  EXPECT_FALSE(pass(test::zstd(zeros.substr(0, 1U << 20U)), limits).failure);
}

}  // namespace
}  // namespace digestfs::cache
