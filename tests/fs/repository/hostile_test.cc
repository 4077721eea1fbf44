// SPDX-License-Identifier: Apache-2.0
// Names and documents that are wrong, mounts of one tag or digest, and walks over all of it.

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/fs/repository/repository_fixture.h"

namespace digestfs::fs {
namespace {

TEST(Tree, LeavesHostileTagsOut) {
  ObjectSet set;
  set.tag("good", two_layers(set).manifest);
  Served served;
  served.source.add_left_out({"..", "it is no tag"});
  served.source.add_left_out({std::string(256, 'a'), "it is no tag"});
  served.mount(set);
  EXPECT_EQ(served.names("tags"), Names{"good"});
  const auto problems = served.problems("bad-name");
  ASSERT_EQ(problems.size(), 2U);
  EXPECT_EQ(problems[0].object, "..");
  EXPECT_EQ(problems[1].object, std::string(256, 'a'));
  EXPECT_EQ(problems[0].source, served.source.name());
}

TEST(Tree, LeavesHostileEntriesOfAnIndexOut) {
  ObjectSet set;
  const Image good = two_layers(set);
  const Descriptor index = set.add(
      Endpoint::manifests,
      index_of({index_entry("sha256:../../../../etc/passwd", platform_member("linux", "s390x")),
                index_entry("sha256:" + std::string(64, 'F'), platform_member("linux", "386")),
                index_entry(good.manifest.digest.str(), platform_member("linux", "amd64"))}),
      kIndexType);
  set.tag("v1", index);
  Served served;
  served.mount(set);
  EXPECT_EQ(served.names("tags/v1/platforms"), Names{"linux_amd64"});
  EXPECT_EQ(served.names(served.target("tags/v1/platforms/linux_amd64") + "/layers"),
            (Names{"00", "01"}));
  const auto problems = served.problems("bad-document");
  ASSERT_EQ(problems.size(), 2U);
  for (const auto& problem : problems) EXPECT_EQ(problem.object, index.digest.str());
  EXPECT_NE(problems[0].detail.find("entry 0"), std::string::npos);
  EXPECT_NE(problems[1].detail.find("entry 1"), std::string::npos);
}

TEST(Tree, M9KeepsTheNumbersOfLayersBesideABadOne) {
  ObjectSet set;
  const Image good = two_layers(set);
  const std::string layer = good.layers[1].digest.str();
  const std::string text =
      R"({"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json",)"
      R"("digest":")" +
      good.config.digest.str() + R"(","size":2},"layers":[{"digest":"sha256:..","size":1},)" +
      R"({"digest":")" + layer + R"(","size":)" + std::to_string(good.layers[1].size.value()) +
      "}]}";
  set.tag("v1", set.add(Endpoint::manifests, text, kManifestType));
  Served served;
  served.mount(set);
  EXPECT_EQ(served.names("tags/v1/layers"), (Names{"00", "01"}));
  EXPECT_FALSE(served.exists("tags/v1/layers/00/blob"));
  EXPECT_EQ(served.target("tags/v1/layers/01/blob"), "blobs/" + layer);
  EXPECT_EQ(served.read(served.target("tags/v1/layers/01/diff")).text,
            test::tar({{.name = "top", .content = "amd64!"}}));
  EXPECT_EQ(served.problems("bad-document").size(), 1U);
}

TEST(Tree, ShowsTheBytesOfAManifestItCannotRead) {
  ObjectSet set;
  const auto broken = set.add(Endpoint::manifests, "{ no json", kManifestType);
  set.tag("broken", broken);
  set.tag("good", two_layers(set).manifest);
  Served served;
  served.mount(set);
  EXPECT_EQ(served.names("tags/broken"), (Names{"image", "manifest.json"}));
  EXPECT_EQ(served.read(served.target("tags/broken/manifest.json")).text, "{ no json");
  EXPECT_EQ(served.error_of("tags/broken/layers"), EIO);
  EXPECT_EQ(served.error_of("tags/broken/config.json"), EIO);
  EXPECT_EQ(served.names("tags/good/layers"), (Names{"00", "01"}));
  const auto problems = served.problems("bad-document");
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].object, broken.digest.str());
}

TEST(Tree, ShowsAnImageWhoseConfigCannotBeRead) {
  ObjectSet set;
  const auto layer = test::gzip_layer({{.name = "a"}});
  const auto blob = set.add(Endpoint::blobs, layer.blob, layer.media_type);
  const auto config = set.add(Endpoint::blobs, "[]", kConfigType);
  const auto manifest =
      set.add(Endpoint::manifests, test::manifest_json(config, {blob}), kManifestType);
  set.tag("v1", manifest);
  Served served;
  served.mount(set);
  EXPECT_EQ(served.names("tags/v1"), (Names{"image", "manifest.json", "config.json", "layers",
                                            "rootfs", "oci", "referrers", "platforms"}));
  EXPECT_EQ(served.names("tags/v1/platforms"), Names{manifest.digest.str()});
  EXPECT_EQ(served.names("tags/v1/layers/00"), Names{"blob"});
  EXPECT_EQ(served.read(served.target("tags/v1/config.json")).text, "[]");
  EXPECT_EQ(served.problems("bad-document").size(), 1U);
}

TEST(Tree, ShowsOnlyTheSelectedTag) {
  ObjectSet set;
  const Image image = two_layers(set);
  set.tag("v1", image.manifest);
  set.tag("v2", image.manifest);
  Served served;
  MountSettings settings;
  settings.selection.tag = "v2";
  served.mount(set, settings);
  EXPECT_EQ(served.names("tags"), Names{"v2"});
  EXPECT_FALSE(served.exists("tags/v1"));
  EXPECT_EQ(served.target("tags/v2/image"), "images/" + image.manifest.digest.str());
  EXPECT_EQ(served.source.lists(), 0U);
}

TEST(Tree, ShowsOnlyTheSelectedDigest) {
  ObjectSet set;
  const Image image = two_layers(set);
  set.tag("v1", image.manifest);
  Served served;
  MountSettings settings;
  settings.selection.digest = image.manifest.digest;
  served.mount(set, settings);
  EXPECT_EQ(served.names("tags"), Names());
  EXPECT_FALSE(served.exists("tags/v1"));
  EXPECT_EQ(served.names("images"), Names{image.manifest.digest.str()});
  EXPECT_EQ(served.names("images/" + image.manifest.digest.str() + "/layers"), (Names{"00", "01"}));
  EXPECT_EQ(served.source.lists(), 0U);
  EXPECT_EQ(served.source.resolves(), 0U);
}

/// Walks everything below a directory and through every link, as `find -L` does.
class Walker {
 public:
  explicit Walker(Served& served) : served_(served) {}

  void walk(const std::string& path) {
    ASSERT_LT(path.size(), 4000U) << "a walk that does not end";
    const auto inode = served_.kernel().walk(path);
    for (const auto above : above_) ASSERT_NE(above, inode) << path << " leads back up";
    above_.push_back(inode);
    for (const auto& entry : served_.kernel().list(inode)) {
      std::string below = path.empty() ? entry.name : path + "/" + entry.name;
      while (S_ISLNK(served_.attributes(below).mode)) below = served_.target(below);
      ++seen_;
      // Who enters a tree wants its layer.
      if (entry.name == "tree" || entry.name == "rootfs") continue;
      if (S_ISDIR(served_.attributes(below).mode)) walk(below);
    }
    above_.pop_back();
  }

  [[nodiscard]] std::size_t seen() const { return seen_; }

 private:
  Served& served_;
  std::vector<std::uint64_t> above_;
  std::size_t seen_ = 0;
};

TEST(Tree, EndsAWalkThatFollowsEveryLink) {
  ObjectSet set;
  const Image amd64 = two_layers(set);
  const Image arm64 = two_layers(set, "arm64");
  const Descriptor index = add_index(set, {amd64, arm64});
  const Descriptor nested =
      set.add(Endpoint::manifests,
              std::string(R"({"schemaVersion":2,"manifests":[{"mediaType":")") + kIndexType +
                  R"(","digest":")" + index.digest.str() + R"(","size":)" +
                  std::to_string(index.size.value()) + R"(}]})",
              kIndexType);
  set.tag("plain", amd64.manifest);
  set.tag("index", index);
  set.tag("nested", nested);
  Served served;
  served.mount(set);
  Walker walker(served);
  walker.walk("");
  EXPECT_GT(walker.seen(), 100U);
  for (const auto& layer : amd64.layers) EXPECT_EQ(served.source.fetches(layer.digest), 0U);
}

}  // namespace
}  // namespace digestfs::fs
