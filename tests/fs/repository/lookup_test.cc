// SPDX-License-Identifier: Apache-2.0
// What a repository lists, what it answers on lookup, and whom it asks for that.

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/fs/repository/repository_fixture.h"

namespace digestfs::fs {
namespace {

TEST(Tree, AnswersToTheColonFreeSpellingInEveryDigestDirectory) {
  ObjectSet set;
  const Image image = two_layers(set);
  const Descriptor index = add_index(set, {image});
  set.tag("v1", index);
  Served served;
  served.mount(set);
  served.names("images/" + image.manifest.digest.str() + "/layers");
  const std::vector<std::pair<std::string, Digest>> places = {
      {"images", image.manifest.digest},    {"indexes", index.digest},
      {"manifests", image.manifest.digest}, {"configs", image.config.digest},
      {"blobs", image.layers[0].digest},    {"diffs", image.diff_ids[0]},
  };
  for (const auto& [folder, digest] : places) {
    const std::string path = folder + "/" + hyphenated(digest);
    const auto entry = served.entry(path);
    EXPECT_TRUE(S_ISLNK(entry.attr.mode)) << path;
    EXPECT_EQ(served.link(path), digest.str()) << path;
    EXPECT_FALSE(served.names(folder).contains(hyphenated(digest))) << path;
    // Of what is not there it is absent as well.
    EXPECT_FALSE(served.exists(folder + "/sha256-" + std::string(64, '0'))) << folder;
  }
}

TEST(Tree, HasNoSuchTagOrDigest) {
  ObjectSet set;
  set.tag("v1", two_layers(set).manifest);
  Served served;
  served.mount(set);
  EXPECT_FALSE(served.exists("tags/v2"));
  for (const std::string folder : {"images", "indexes", "manifests", "configs", "blobs", "diffs"}) {
    EXPECT_FALSE(served.exists(folder + "/" + kNowhere)) << folder;
  }
  EXPECT_FALSE(served.exists("nothing"));
  EXPECT_FALSE(served.exists("tags/v1/nothing"));
  EXPECT_FALSE(served.exists("tags/v1/layers/02"));
  EXPECT_FALSE(served.exists("tags/v1/layers/0"));
}

TEST(Tree, AsksNobodyForWhatIsNoTagOrDigest) {  // DEC-4
  ObjectSet set;
  set.tag("v1", two_layers(set).manifest);
  Served served;
  served.mount(set);
  const auto fetches = served.source.fetches();
  for (const std::string& name :
       {std::string("-v1"), std::string(".hidden"), std::string("a b"), std::string(129, 'a')}) {
    EXPECT_FALSE(served.exists("tags/" + name)) << name;
  }
  for (const std::string folder : {"images", "indexes", "manifests", "configs", "blobs", "diffs"}) {
    for (const std::string& name : {std::string("sha256:"), "sha256:" + std::string(64, 'A'),
                                    "sha256:" + std::string(63, '0'), std::string(64, '0'),
                                    std::string("md5"), "SHA256:" + std::string(64, '0')}) {
      EXPECT_FALSE(served.exists(folder + "/" + name)) << folder << name;
    }
  }
  EXPECT_EQ(served.source.resolves(), 0U);
  EXPECT_EQ(served.source.finds(), 0U);
  EXPECT_EQ(served.source.fetches(), fetches);
}

TEST(Tree, ListsWhatIsKnownAndAsksOnLookup) {
  ObjectSet set;
  const Image image = two_layers(set);
  const Image other = two_layers(set, "arm64");
  const Descriptor index = add_index(set, {other});
  set.tag("v1", image.manifest);
  Served served;
  served.mount(set);
  for (const std::string folder : {"images", "indexes", "manifests", "configs", "blobs", "diffs"}) {
    EXPECT_EQ(served.names(folder), Names()) << folder;
  }
  EXPECT_EQ(served.source.fetches(), 0U);

  served.names("tags/v1");
  EXPECT_EQ(served.names("manifests"), Names{image.manifest.digest.str()});
  EXPECT_EQ(served.names("configs"), Names{image.config.digest.str()});
  EXPECT_EQ(served.names("images"), Names());
  EXPECT_EQ(served.names("blobs"), (Names{image.config.digest.str(), image.layers[0].digest.str(),
                                          image.layers[1].digest.str()}));
  EXPECT_EQ(served.names("diffs"), (Names{image.diff_ids[0].str(), image.diff_ids[1].str()}));
  EXPECT_EQ(served.source.fetches(), 2U);  // manifest and config

  // By name whatever the repository has, at one GET for a document.
  EXPECT_TRUE(served.exists("indexes/" + index.digest.str()));
  EXPECT_EQ(served.source.fetches(index.digest), 1U);
  EXPECT_EQ(served.read("indexes/" + index.digest.str()).text,
            set.objects().at(index.digest).bytes);
  EXPECT_EQ(served.source.fetches(index.digest), 1U);
  EXPECT_TRUE(served.names("indexes").contains(index.digest.str()));
  EXPECT_EQ(served.source.finds(), 0U);
}

TEST(Tree, AsksForAnUnknownManifestOnce) {
  ObjectSet set;
  const Image image = two_layers(set);
  Served served;
  served.mount(set);
  const std::string digest = image.manifest.digest.str();
  EXPECT_FALSE(served.exists("indexes/" + digest));
  EXPECT_TRUE(served.exists("manifests/" + digest));
  EXPECT_TRUE(served.exists("images/" + digest));
  EXPECT_EQ(served.source.fetches(image.manifest.digest), 1U);
  EXPECT_EQ(served.source.fetches(), 1U);
  EXPECT_EQ(served.names("images"), Names{digest});
}

TEST(Tree, AsksWhetherAnUnknownBlobExists) {
  ObjectSet set;
  const Image image = two_layers(set);
  Served served;
  served.mount(set);
  const std::string path = "blobs/" + image.layers[0].digest.str();
  EXPECT_TRUE(served.exists(path));
  EXPECT_EQ(served.source.finds(), 1U);
  EXPECT_EQ(served.source.fetches(), 0U);
  EXPECT_EQ(served.attributes(path).size, set.objects().at(image.layers[0].digest).bytes.size());
  EXPECT_TRUE(served.exists(path));
  EXPECT_EQ(served.source.finds(), 1U);
  EXPECT_EQ(served.names("blobs"), Names{image.layers[0].digest.str()});
}

TEST(Tree, TakesForAConfigOnlyASmallBlobThatParsesAsOne) {
  ObjectSet set;
  const Image image = two_layers(set);
  const auto note = set.add(Endpoint::blobs, R"({"just":"json"})");
  const auto large = set.add(
      Endpoint::blobs, R"({"architecture":"amd64","os":"linux"})" + std::string(8 << 20, ' '));
  Served served;
  served.mount(set);
  EXPECT_TRUE(served.exists("configs/" + image.config.digest.str()));
  EXPECT_EQ(served.source.fetches(image.config.digest), 1U);
  EXPECT_FALSE(served.exists("configs/" + note.digest.str()));
  EXPECT_FALSE(served.exists("configs/" + large.digest.str()));
  EXPECT_EQ(served.source.fetches(large.digest), 0U);  // its size is enough to know
  EXPECT_FALSE(served.exists("configs/" + image.layers[0].digest.str()));
  // As blobs they are all there.
  EXPECT_EQ(served.read("blobs/" + note.digest.str()).text, R"({"just":"json"})");
  EXPECT_EQ(served.attributes("blobs/" + large.digest.str()).size, large.size);
}

TEST(Tree, ReadsABlobThatWasLookedForAsAManifestFirst) {
  // One place's refusal must not be taken for another's: the digest is a blob all along.
  ObjectSet set;
  const auto blob = set.add(Endpoint::blobs, "no manifest");
  Served served;
  served.mount(set);
  const std::string digest = blob.digest.str();
  EXPECT_FALSE(served.exists("manifests/" + digest));
  EXPECT_FALSE(served.exists("images/" + digest));
  EXPECT_FALSE(served.exists("configs/" + digest));
  const auto content = served.read("blobs/" + digest);
  EXPECT_EQ(content.error, 0);
  EXPECT_EQ(content.text, "no manifest");
}

TEST(Tree, KnowsADiffOnlyOnceItWasMetOrCached) {
  ObjectSet set;
  const Image image = two_layers(set);
  set.tag("v1", image.manifest);
  Served served;
  served.mount(set);
  const std::string diff = "diffs/" + image.diff_ids[0].str();
  EXPECT_FALSE(served.exists(diff));  // no registry can be asked for one
  served.names("tags/v1/layers");
  EXPECT_EQ(served.read(diff).error, 0);
  served.mount();
  EXPECT_TRUE(served.exists(diff));
  EXPECT_FALSE(served.exists("diffs/" + image.diff_ids[1].str()));
  EXPECT_EQ(served.read(diff).text, test::tar({{.name = "base", .content = "amd64"}}));
}

TEST(Tree, AsksForATagThatIsMissingFromAFreshList) {
  ObjectSet set;
  const Image image = two_layers(set);
  set.tag("v1", image.manifest);
  Served served;
  served.mount(set);
  EXPECT_EQ(served.names("tags"), Names{"v1"});
  served.source.tag("v2", image.manifest);
  EXPECT_TRUE(served.exists("tags/v2"));
  EXPECT_EQ(served.source.lists(), 1U);
  EXPECT_EQ(served.source.resolves(), 1U);
  EXPECT_EQ(served.target("tags/v2/image"), "images/" + image.manifest.digest.str());
  EXPECT_EQ(served.source.resolves(), 1U);
}

TEST(Tree, ListsAllTagsWithoutResolvingAny) {
  ObjectSet set;
  const Image image = two_layers(set);
  Names tags;
  for (int i = 0; i < 300; ++i) {
    const std::string tag = "t" + std::to_string(i);
    set.tag(tag, image.manifest);
    tags.insert(tag);
  }
  Served served;
  served.source.set_page_size(100);
  served.mount(set);
  EXPECT_EQ(served.source.lists(), 1U);  // promise 4: the first page only
  EXPECT_EQ(served.names("tags"), tags);
  EXPECT_EQ(served.source.lists(), 3U);
  EXPECT_EQ(served.source.resolves(), 0U);
  EXPECT_EQ(served.source.fetches(), 0U);
}

TEST(Tree, L1ListsTagsOnceHoweverOftenTheKernelComesBackForMore) {  // promise 4
  ObjectSet set;
  const Image image = two_layers(set);
  for (int i = 0; i < 300; ++i) set.tag("t" + std::to_string(i), image.manifest);
  Served served;
  MountSettings settings;
  settings.selection.tag_ttl = Clock::duration::zero();
  served.mount(set, settings);
  for (std::size_t listing = 1; listing <= 3; ++listing) {
    EXPECT_EQ(served.names("tags").size(), 300U);
    EXPECT_EQ(served.source.lists(), 1 + listing) << "the first was for mounting";
  }
}

TEST(Tree, M16FollowsATagThatMoves) {
  ObjectSet set;
  const Image before = two_layers(set);
  const Image after = two_layers(set, "arm64");
  set.tag("v1", before.manifest);
  Served served;
  MountSettings settings;
  settings.selection.tag_ttl = Clock::duration::zero();
  served.mount(set, settings);
  EXPECT_EQ(served.target("tags/v1/image"), "images/" + before.manifest.digest.str());
  served.source.tag("v1", after.manifest);
  EXPECT_EQ(served.target("tags/v1/image"), "images/" + after.manifest.digest.str());
  EXPECT_EQ(served.target("tags/v1/config.json"), "configs/" + after.config.digest.str());
  EXPECT_EQ(served.names("tags/v1/platforms"), Names{"linux_arm64"});
  EXPECT_EQ(served.link("images/" + before.manifest.digest.str() + "/config.json"),
            "../../configs/" + before.config.digest.str());
  served.source.untag("v1");
  EXPECT_FALSE(served.exists("tags/v1"));
}

// The texts of all of them were kept as long as the mount.
TEST(Tree, GivesUpTheTextOfAnIndexOnceTwoNewerOnesAreThere) {
  ObjectSet set;
  set.tag("v1", two_layers(set).manifest);
  Served served;
  MountSettings settings;
  settings.selection.tag_ttl = std::chrono::milliseconds(1);
  served.mount(set, settings);
  std::vector<std::uint64_t> indexes;
  for (int i = 0; i < 10'000 && indexes.size() < 3; ++i) {
    const auto inode = served.kernel().walk("oci/index.json");
    if (indexes.empty() || indexes.back() != inode) indexes.push_back(inode);
    EXPECT_NE(served.kernel().read_file(inode).text.find("v1"), std::string::npos);
  }
  ASSERT_EQ(indexes.size(), 3U);
  const auto error_of_opening = [&](std::uint64_t inode) {
    return served.kernel().wait(served.kernel().send_open(inode)).error;
  };
  EXPECT_EQ(error_of_opening(indexes[0]), ESTALE);
  EXPECT_EQ(error_of_opening(indexes[1]), 0);
  EXPECT_EQ(error_of_opening(indexes[2]), 0);
}

}  // namespace
}  // namespace digestfs::fs
