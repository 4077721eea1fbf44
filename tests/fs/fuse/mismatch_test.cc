// SPDX-License-Identifier: Apache-2.0
// Objects that do not hash to their names, and layers that cannot be decompressed (promises 1, 3).

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/fs/fuse/errors_fixture.h"

namespace digestfs::fs {
namespace {

struct Wrong {
  std::string name;
  std::string bytes;
};

std::vector<Wrong> wrong_versions(const std::string& bytes) {
  std::string flipped = bytes;
  flipped.back() = static_cast<char>(flipped.back() ^ 1);
  return {{"flipped", flipped},
          {"short", bytes.substr(0, bytes.size() - 1)},
          {"empty", ""},
          {"long", bytes + "+"},
          {"html", "<html>please log in</html>"}};
}

TEST(Mismatch, OfABlobServesNoByteAndLeavesARecord) {  // promises 1 and 3
  const Pair pair;
  const Descriptor& layer = pair.bad.layers[0];
  for (const auto& [name, wrong] : wrong_versions(pair.bytes(layer))) {
    Served served;
    served.mount(pair.set);
    served.names("tags/bad");
    served.source.serve_instead(layer.digest, wrong);
    for (const std::string& path : {pair.blob(), pair.diff()}) {
      const auto content = served.read(path);
      EXPECT_EQ(content.error, EIO) << name;
      EXPECT_EQ(content.text, "") << name;
    }
    const auto problems = served.problems();
    ASSERT_EQ(problems.size(), 1U) << name;
    EXPECT_EQ(problems[0].kind, "digest-mismatch") << name;
    EXPECT_EQ(problems[0].object, layer.digest.str()) << name;
    EXPECT_EQ(problems[0].promised, layer.digest.str()) << name;
    EXPECT_EQ(problems[0].promised_size, layer.size) << name;
    EXPECT_EQ(problems[0].actual, digest_of(wrong).str()) << name;
    EXPECT_EQ(problems[0].actual_size, wrong.size()) << name;
    EXPECT_EQ(problems[0].source, served.source.name()) << name;
    EXPECT_EQ(problems[0].time.size(), std::string("2026-01-01T00:00:00.000Z").size()) << name;
    EXPECT_FALSE(problems[0].detail.empty()) << name;
    EXPECT_EQ(served.xattr(pair.blob(), "user.digestfs.state"), "remote") << name;
    pair.expect_sound(served);
  }
}

TEST(Mismatch, OfADocumentShowsNothingOfIt) {
  const Pair pair;
  for (const Descriptor& descriptor : {pair.bad.manifest, pair.bad.config}) {
    for (const auto& [name, wrong] : wrong_versions(pair.bytes(descriptor))) {
      Served served;
      served.mount(pair.set);
      served.source.serve_instead(descriptor.digest, wrong);
      EXPECT_EQ(served.error_of_listing("tags/bad"), EIO) << name;
      EXPECT_EQ(served.error_of("tags/bad/layers"), EIO) << name;
      EXPECT_EQ(served.problems("digest-mismatch").size(), 1U) << name;
      pair.expect_sound(served);
    }
  }
}

TEST(Mismatch, OfAnObjectEndsWithTheSourcesFault) {
  const Pair pair;
  Served served;
  served.mount(pair.set);
  served.names("tags/bad");
  served.source.serve_instead(pair.bad.layers[0].digest, "something else");
  EXPECT_EQ(served.read(pair.diff()).error, EIO);
  served.source.behave();
  served.mount();
  served.names("tags/bad");
  EXPECT_EQ(served.read(pair.blob()).text, pair.bytes(pair.bad.layers[0]));
  EXPECT_EQ(served.read(pair.diff()).error, 0);
  EXPECT_TRUE(served.problems().empty());
  pair.expect_sound(served);
}

TEST(Mismatch, OfADiffKeepsWhatCameUnderItsTrueName) {  // promise 3
  ObjectSet set;
  const auto layer = test::gzip_layer({{.name = "a", .content = "what is really in it"}});
  const auto blob = set.add(Endpoint::blobs, layer.blob, layer.media_type);
  const Digest promised = digest_of("something else");
  const Digest actual = digest_of(layer.diff);
  const auto config = set.add(Endpoint::blobs, test::config_json({promised}), kConfigType);
  const auto manifest =
      set.add(Endpoint::manifests, test::manifest_json(config, {blob}), kManifestType);
  set.tag("v1", manifest);
  Served served;
  served.mount(set);
  const std::vector<std::string> layers = {"tags/v1/layers/00",
                                           "images/" + manifest.digest.str() + "/layers/00"};
  for (const auto& path : layers) {
    EXPECT_EQ(served.names(path), (Names{"blob", "diff", "tree", "created_by"}));
    EXPECT_FALSE(served.exists(path + "/diff.actual"));
  }
  const auto time_before = served.attributes(layers[0]).mtimensec;

  const auto content = served.read("diffs/" + promised.str());
  EXPECT_EQ(content.error, EIO);
  EXPECT_EQ(content.text, "");
  for (const auto& path : layers) {
    EXPECT_EQ(served.names(path), (Names{"blob", "diff", "diff.actual", "tree", "created_by"}));
    EXPECT_EQ(served.link(path + "/diff.actual"), "../../../../diffs/" + actual.str());
    EXPECT_EQ(served.link(path + "/diff"), "../../../../diffs/" + promised.str());
  }
  EXPECT_NE(served.attributes(layers[0]).mtimensec, time_before);
  EXPECT_TRUE(served.names("diffs").contains(actual.str()));
  EXPECT_EQ(served.attributes("diffs/" + actual.str()).size, layer.diff.size());
  EXPECT_EQ(served.read("diffs/" + actual.str()).text, layer.diff);
  EXPECT_EQ(served.read("blobs/" + blob.digest.str()).text, layer.blob);
  EXPECT_EQ(served.xattr("blobs/" + blob.digest.str(), "user.oci.diffID"), actual.str());
  EXPECT_EQ(served.read("diffs/" + promised.str()).error, EIO);

  const auto problems = served.problems();
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].kind, "diff-mismatch");
  EXPECT_EQ(problems[0].object, promised.str());
  EXPECT_EQ(problems[0].promised, promised.str());
  EXPECT_EQ(problems[0].promised_size, std::nullopt);
  EXPECT_EQ(problems[0].actual, actual.str());
  EXPECT_EQ(problems[0].actual_size, layer.diff.size());
  EXPECT_NE(problems[0].detail.find(blob.digest.str()), std::string::npos);
  served.expect_sound_cache();
}

TEST(Mismatch, OfOneImageLeavesAnotherThatSharesItsDiffReadable) {
  // The liar names the diff of a good layer for a layer of its own, and is looked at first.
  ObjectSet set;
  const auto good = test::gzip_layer({{.name = "good"}});
  const auto bad = test::gzip_layer({{.name = "bad"}});
  const auto image_of = [&](const test::Layer& layer) {
    const auto blob = set.add(Endpoint::blobs, layer.blob, layer.media_type);
    const auto config =
        set.add(Endpoint::blobs, test::config_json({digest_of(good.diff)}), kConfigType);
    return set.add(Endpoint::manifests, test::manifest_json(config, {blob}), kManifestType);
  };
  set.tag("bad", image_of(bad));
  set.tag("good", image_of(good));
  Served served;
  served.mount(set);
  served.names("tags/bad/layers");
  EXPECT_EQ(served.read(served.target("tags/bad/layers/00/diff")).error, EIO);
  served.names("tags/good/layers");
  const auto content = served.read(served.target("tags/good/layers/00/diff"));
  EXPECT_EQ(content.error, 0);
  EXPECT_EQ(content.text, good.diff);
  EXPECT_FALSE(served.exists("tags/good/layers/00/diff.actual"));
  EXPECT_EQ(served.target("tags/bad/layers/00/diff.actual"), "diffs/" + digest_of(bad.diff).str());
}

TEST(Undecodable, LayersGiveNoByteOfTheirDiff) {  // DEC-a, DEC-e
  const auto good = test::gzip_layer({{.name = "f", .content = test::noise(100000)}});
  const std::vector<Wrong> layers = {
      {"cut", good.blob.substr(0, good.blob.size() - 9)},
      {"damaged", good.blob.substr(0, 5000) + '\0' + good.blob.substr(5001)},
      {"wrong checksum", good.blob.substr(0, good.blob.size() - 8) + std::string(8, '\0')},
  };
  for (const auto& [name, bytes] : layers) {
    ObjectSet set;
    const auto blob = set.add(Endpoint::blobs, bytes, good.media_type);
    const Digest diff = digest_of(good.diff);
    const auto config = set.add(Endpoint::blobs, test::config_json({diff}), kConfigType);
    set.tag("v1", set.add(Endpoint::manifests, test::manifest_json(config, {blob}), kManifestType));
    Served served;
    served.mount(set);
    served.names("tags/v1/layers");
    const auto content = served.read("diffs/" + diff.str());
    EXPECT_EQ(content.error, EIO) << name;
    EXPECT_EQ(content.text, "") << name;
    EXPECT_EQ(served.read("blobs/" + blob.digest.str()).text, bytes) << name;
    const auto problems = served.problems();
    ASSERT_EQ(problems.size(), 1U) << name;
    EXPECT_EQ(problems[0].kind, "undecodable") << name;
    EXPECT_EQ(problems[0].object, diff.str()) << name;
    EXPECT_EQ(problems[0].promised, diff.str()) << name;
    EXPECT_EQ(problems[0].actual, "") << name;
    EXPECT_FALSE(served.exists("tags/v1/layers/00/diff.actual")) << name;
    EXPECT_FALSE(std::filesystem::exists(served.cached("diffs", diff))) << name;
    served.expect_sound_cache();
  }
}

}  // namespace
}  // namespace digestfs::fs
