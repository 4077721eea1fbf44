// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "cache/content.h"
#include "tests/cache/content_fixture.h"

namespace digestfs::cache {
namespace {

TEST_F(ContentTest, DecompressesALayerOfAnyCompression) {
  const std::string tar = test::tar({{"etc", "", '5'}, {"etc/file", test::noise(5000)}});
  const Digest diff = digest_of(tar);
  for (const auto& blob : {test::gzip(tar), test::zstd(tar), tar + std::string()}) {
    test::TemporaryDirectory directory;
    Mount mount(directory.path() / "cache", source_);
    const Digest layer = add_layer(mount, blob, diff);
    const std::size_t before = source_.fetches(layer);
    EXPECT_TRUE(mount.content.has_diff(diff));
    EXPECT_EQ(mount.content.diff_of(layer), diff);
    EXPECT_EQ(mount.read(diff), tar);
    EXPECT_EQ(mount.read(layer), blob);
    EXPECT_EQ(source_.fetches(layer), before + 1) << "once for both";
    EXPECT_EQ(mount.content.diff_of(layer), diff);
    EXPECT_FALSE(mount.content.actual_diff(diff, layer));
    EXPECT_EQ(mount.problems.text(), "");
  }
}

// Nothing is asked for, so that nothing seems to arrive.
TEST_F(ContentTest, DecompressesALayerThatAnEarlierMountLeftWhole) {
  const std::string tar = test::tar({{"file", test::noise(3'000'000)}});
  const std::string layer = test::gzip(tar);
  Mount mount(cache(), source_);
  mount.store.take_partial(digest_of(layer), {}).write(digestfs::as_bytes(layer));
  const Digest blob = add_layer(mount, layer, digest_of(tar));
  EXPECT_EQ(mount.read(digest_of(tar)), tar);
  EXPECT_EQ(source_.fetches(blob), 0U);
  EXPECT_TRUE(fs::exists(path("blobs", blob)));
}

TEST_F(ContentTest, DecompressesTheEmptyLayer) {
  Mount mount(cache(), source_);
  const Digest diff =
      Digest::parse("sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef")
          .value();
  add_layer(mount, test::gzip(std::string(1024, '\0')), diff);
  EXPECT_EQ(mount.read(diff), std::string(1024, '\0'));
}

// D5: an empty tar (MT-2).
TEST_F(ContentTest, DecompressesALayerOfNoBytes) {
  Mount mount(cache(), source_);
  add_layer(mount, "", digest_of(""));
  EXPECT_EQ(mount.read(digest_of("")), "");
}

// DEC-f.
TEST_F(ContentTest, VerifiesADiffByItsOwnAlgorithm) {
  Mount mount(cache(), source_);
  const std::string tar = test::tar({{"file", "content"}});
  const Digest diff = digest_of(tar, "sha512");
  add_layer(mount, test::gzip(tar), diff);
  EXPECT_EQ(mount.read(diff), tar);
}

TEST_F(ContentTest, DecompressesOnceHoweverManyAsk) {
  Mount mount(cache(), source_);
  const std::string tar = test::tar({{"file", test::noise(200000)}});
  const Digest diff = digest_of(tar);
  const Digest layer = add_layer(mount, test::gzip(tar), diff);
  source_.stall(layer);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&, i] {
      if (i % 2 == 0) {
        EXPECT_EQ(mount.read(diff), tar);
      } else {
        EXPECT_EQ(mount.read(layer), test::gzip(tar));
      }
    });
  }
  source_.await_stalled(1);
  source_.release();
  threads.clear();
  EXPECT_EQ(source_.fetches(layer), 1U);
  EXPECT_FALSE(fs::exists(path("partial", diff)));
}

// D2.
TEST_F(ContentTest, RemarksOnWhatFollowsALayer) {
  Mount mount(cache(), source_);
  const std::string tar = test::tar({{"file", "content"}});
  const Digest layer = add_layer(mount, test::gzip(tar) + "garbage", digest_of(tar));
  EXPECT_EQ(mount.read(digest_of(tar)), tar);
  ASSERT_EQ(mount.lines().size(), 1U);
  EXPECT_EQ(mount.lines()[0]["kind"], "remark");
  EXPECT_EQ(mount.lines()[0]["object"], layer.str());
}

// M18: one diff_id for all layers of a large manifest, met again at each look at its image.
TEST_F(ContentTest, M18MeetsManyLayersThatPromiseOneDiff) {
  Mount mount(cache(), source_);
  const Digest diff = digest_of("diff");
  std::vector<Digest> layers;
  for (int i = 0; i < 50'000; ++i) layers.push_back(digest_of(std::to_string(i)));
  for (int look = 0; look < 10; ++look) {
    for (const Digest& layer : layers) mount.content.meet_diff(diff, layer);
  }
  EXPECT_TRUE(mount.content.has_diff(diff));
  for (int i = 0; i < 10'000; ++i) EXPECT_TRUE(mount.content.size(diff));
  EXPECT_EQ(mount.content.diff_of(layers.back()), diff);
}

TEST_F(ContentTest, MeetsADiffForAllAtOnce) {
  // Whoever comes second, while the first still looks for a note on disk, must not find half.
  for (int round = 0; round < 200; ++round) {
    Mount mount(cache(), source_);
    const std::string tar = test::tar({{"file", std::to_string(round)}});
    const Digest diff = digest_of(tar);
    const Digest layer = add(mount, test::gzip(tar));
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        mount.content.meet_diff(diff, layer);
        EXPECT_TRUE(mount.content.has_diff(diff));
        EXPECT_FALSE(mount.failure(diff));
      });
    }
  }
}

TEST_F(ContentTest, FetchesADiffThatTheSourceKeepsItself_LOC5) {
  source_.keep_diffs();
  Mount mount(cache(), source_);
  const std::string tar = test::tar({{"file", "content"}});
  const Digest diff = source_.add_object(Endpoint::blobs, tar).digest;
  const Digest layer = digest_of(test::gzip(tar));
  mount.content.meet(layer, Endpoint::blobs, 100);
  mount.content.meet_diff(diff, layer);
  EXPECT_EQ(mount.read(diff), tar);
  EXPECT_EQ(source_.fetches(layer), 0U);
  EXPECT_EQ(mount.kinds(), (std::map<std::string, int>{}));
  // The blob as it was compressed is nowhere.
  EXPECT_EQ(mount.failure(layer), Errc::not_found);
  EXPECT_EQ(mount.kinds(), (std::map<std::string, int>{{"remark", 1}}));
}

TEST_F(ContentTest, UnpacksALayerOfASourceThatDoesNotHaveTheDiff_LOC5) {
  source_.keep_diffs();
  Mount mount(cache(), source_);
  const std::string tar = test::tar({{"file", "content"}});
  const Digest layer = add_layer(mount, test::gzip(tar), digest_of(tar));
  EXPECT_EQ(mount.read(digest_of(tar)), tar);
  EXPECT_EQ(source_.fetches(layer), 1U);
}

TEST_F(ContentTest, AsksNoOtherSourceForADiff) {
  Mount mount(cache(), source_);
  const std::string tar = test::tar({{"file", "content"}});
  add_layer(mount, test::gzip(tar), digest_of(tar));
  EXPECT_EQ(mount.read(digest_of(tar)), tar);
  EXPECT_EQ(source_.finds(), 0U);
}

TEST_F(ContentTest, ReportsWhyAStoreCannotGiveALayer_S3) {
  source_.keep_diffs();
  Mount mount(cache(), source_);
  const Digest diff = source_.add_object(Endpoint::blobs, "tar").digest;
  mount.content.meet_diff(diff, digest_of("blob"));
  EXPECT_TRUE(landed([&] { return mount.content.has_blob(diff, Patience::unlimited()); }));
  source_.fail(diff, Errc::corrupt);
  EXPECT_EQ(mount.failure(diff), Errc::corrupt);
  EXPECT_EQ(mount.kinds(), (std::map<std::string, int>{{"undecodable", 1}}));
}

// D6, promise 3: (a) another tar; (b) other bytes only after its end.
TEST_F(ContentTest, KeepsADiffThatWasNotPromisedUnderItsTrueName) {
  const std::string tar = test::tar({{"file", "content"}});
  for (const auto& actual : {test::tar({{"file", "c0ntent"}}), tar + std::string(512, '\0')}) {
    test::TemporaryDirectory directory;
    const fs::path folder = directory.path() / "cache";
    Mount mount(folder, source_);
    const Digest promised = digest_of(tar);
    const Digest layer = add_layer(mount, test::gzip(actual), promised);
    EXPECT_EQ(mount.failure(promised), Errc::corrupt);
    EXPECT_EQ(mount.content.state(promised), State::remote);
    ASSERT_TRUE(mount.content.actual_diff(promised, layer));
    EXPECT_EQ(mount.content.actual_diff(promised, layer)->digest, digest_of(actual));
    EXPECT_EQ(mount.content.actual_diff(promised, layer)->size, actual.size());
    EXPECT_EQ(mount.content.diff_of(layer), digest_of(actual));
    EXPECT_TRUE(mount.content.has_diff(digest_of(actual)));
    EXPECT_EQ(mount.read(digest_of(actual)), actual);
    EXPECT_EQ(mount.read(layer), test::gzip(actual)) << "the blob is what it should be";
    EXPECT_EQ(test::wrong_files(folder), std::vector<std::string>{});
    ASSERT_EQ(mount.lines().size(), 1U);
    const auto problem = mount.lines()[0];
    EXPECT_EQ(problem["kind"], "diff-mismatch");
    EXPECT_EQ(problem["object"], promised.str());
    EXPECT_EQ(problem["promised"]["digest"], promised.str());
    EXPECT_EQ(problem["actual"]["digest"], digest_of(actual).str());
    EXPECT_EQ(problem["actual"]["size"], actual.size());
  }
}

// D3.
TEST_F(ContentTest, OpensNoDiffOfALayerThatCannotBeDecompressed) {
  const std::string tar = test::tar({{"file", test::noise(5000)}});
  const std::string gzip = test::gzip(tar);
  std::string bad_crc = gzip;
  bad_crc[gzip.size() - 8] = static_cast<char>(bad_crc[gzip.size() - 8] ^ 1);
  std::string bad_size = gzip;
  bad_size[gzip.size() - 4] = static_cast<char>(bad_size[gzip.size() - 4] ^ 1);
  const std::string zstd = test::zstd(tar);
  for (const auto& blob : {gzip.substr(0, gzip.size() - 4), gzip.substr(0, gzip.size() / 2),
                           bad_crc, bad_size, zstd.substr(0, zstd.size() - 1)}) {
    test::TemporaryDirectory directory;
    const fs::path folder = directory.path() / "cache";
    Mount mount(folder, source_);
    const Digest layer = add_layer(mount, blob, digest_of(tar));
    EXPECT_EQ(mount.failure(digest_of(tar)), Errc::corrupt);
    EXPECT_EQ(mount.read(layer), blob) << "as it is stored it stays readable";
    EXPECT_EQ(mount.kinds(), (std::map<std::string, int>{{"undecodable", 1}}));
    EXPECT_TRUE(fs::is_empty(folder / "partial/sha256"));
    EXPECT_FALSE(fs::exists(folder / "diffs/sha256"));
  }
}

// DEC-c.
TEST_F(ContentTest, OpensNoDiffOfACompressionItCannotRead) {
  Mount mount(cache(), source_);
  const Digest layer = add_layer(mount, "BZh91AY&SY", digest_of("diff"));
  EXPECT_EQ(mount.failure(digest_of("diff")), Errc::unsupported);
  EXPECT_EQ(mount.read(layer), "BZh91AY&SY");
}

TEST_F(ContentTest, DecompressesADamagedDiffAnewWithoutTheSource) {
  const std::string tar = test::tar({{"file", test::noise(5000)}});
  const Digest diff = digest_of(tar);
  {
    Mount mount(cache(), source_);
    add_layer(mount, test::gzip(tar), diff);
    static_cast<void>(mount.open(diff));
  }
  damage("diffs", diff, "damaged");
  Mount mount(cache(), source_, Network::offline);
  add_layer(mount, test::gzip(tar), diff);
  EXPECT_EQ(mount.read(diff), tar);
  EXPECT_EQ(source_.fetches(), 1U);
  EXPECT_EQ(mount.kinds(), (std::map<std::string, int>{{"cache-damaged", 1}}));
}

TEST_F(ContentTest, HealsALayerThatADiffIsMadeOf) {
  const std::string tar = test::tar({{"file", test::noise(5000)}});
  const Digest diff = digest_of(tar);
  const Digest layer = digest_of(test::gzip(tar));
  {
    Mount mount(cache(), source_);
    static_cast<void>(mount.open(add(mount, test::gzip(tar))));
  }
  damage("blobs", layer, "damaged");
  Mount mount(cache(), source_);
  add_layer(mount, test::gzip(tar), diff);
  EXPECT_EQ(mount.read(diff), tar);
  EXPECT_EQ(source_.fetches(), 2U);
}

}  // namespace
}  // namespace digestfs::cache
