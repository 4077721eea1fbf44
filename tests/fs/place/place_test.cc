// SPDX-License-Identifier: Apache-2.0
#include "fs/place/place.h"

#include <cerrno>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/fs/place/place_fixture.h"

namespace digestfs::fs {
namespace {

const Names kTree{"tags", "images", "indexes", "manifests", "configs", "blobs", "diffs", "trees"};

TEST_F(PlaceTest, ShowsRepositoriesAsDirectoriesThatAreNamedLikeThem) {
  add("a/b");
  add("a/c");
  add("localhost:5000/demo");
  mount();
  EXPECT_EQ(served.names(""), (Names{"a", "localhost:5000", ".digestfs"}));
  EXPECT_EQ(served.names("a"), (Names{"b", "c"}));
  EXPECT_EQ(served.names("a/b"), Names{"_"});
  EXPECT_EQ(served.names("a/b/_"), kTree);
  EXPECT_EQ(served.names("a/b/_/tags"), Names{"v1"});
  EXPECT_EQ(served.names("localhost:5000/demo/_/tags"), Names{"v1"});
  EXPECT_FALSE(served.exists("a/_"));
  EXPECT_FALSE(served.exists("_"));
}

TEST_F(PlaceTest, ARepositoryMayBeBelowARepository) {
  add("a");
  const Image below = add("a/b");
  mount();
  EXPECT_EQ(served.names("a"), (Names{"_", "b"}));
  EXPECT_EQ(served.names("a/_/tags"), Names{"v1"});
  EXPECT_EQ(served.link("a/b/_/tags/v1/image"), "../../images/" + below.manifest.digest.str());
}

TEST_F(PlaceTest, ListsEachDirectoryOnceWhateverItsNeighboursAreCalled) {
  // In the order of bytes, "a-b" and "a.b" stand between "a" and "a/b".
  for (const char* name : {"a", "a-b", "a-b/c", "a.b", "a/b", "a/b/c/d", "a0", "ab"}) add(name);
  mount();
  EXPECT_EQ(served.names(""), (Names{"a", "a-b", "a.b", "a0", "ab", ".digestfs"}));
  EXPECT_EQ(served.names("a"), (Names{"_", "b"}));
  EXPECT_EQ(served.names("a/b"), (Names{"_", "c"}));
  EXPECT_EQ(served.names("a/b/c"), Names{"d"});
}

TEST_F(PlaceTest, ReadsOneImageThroughEachRepository) {
  const Image one = add("one");
  const Image two = add("deep/er/two");
  mount();
  const std::string config = "deep/er/two/_/configs/" + two.config.digest.str();
  EXPECT_EQ(served.target("deep/er/two/_/tags/v1/config.json"), config);
  EXPECT_EQ(digest_of(served.read(config).text), two.config.digest);
  EXPECT_EQ(served.read("deep/er/two/_/tags/v1/rootfs/of").text, "deep/er/two");
  EXPECT_EQ(served.read("one/_/tags/v1/layers/00/tree/of").text, "one");
  // Each repository has only its own.
  EXPECT_FALSE(served.exists("one/_/blobs/" + two.layers[0].digest.str()));
  EXPECT_FALSE(served.exists("one/_/images/" + two.manifest.digest.str()));
  EXPECT_TRUE(served.exists("one/_/blobs/" + one.layers[0].digest.str()));
}

TEST_F(PlaceTest, WhatTwoRepositoriesHaveIsFetchedOnceAndHasTwoInodes) {
  const Image image = add("one");
  ObjectSet same;
  add_image(same, {test::gzip_layer({{.name = "of", .content = "one"}})});
  same.put_into(place->at("two"));
  mount();
  const std::string blob = "_/blobs/" + image.layers[0].digest.str();
  const std::string bytes = served.read("one/" + blob).text;
  EXPECT_EQ(digest_of(bytes), image.layers[0].digest);
  EXPECT_EQ(served.read("two/" + blob).text, bytes);
  EXPECT_EQ(place->at("one").fetches(image.layers[0].digest), 1U);
  EXPECT_EQ(place->at("two").fetches(image.layers[0].digest), 0U);
  EXPECT_EQ(place->at("two").finds(), 1U);
  EXPECT_NE(served.entry("one/" + blob).nodeid, served.entry("two/" + blob).nodeid);
  served.expect_sound_cache();
}

TEST_F(PlaceTest, WhatTheCacheHasIsNotWhatTheRepositoryHas) {
  const Image one = add("one");
  add("two");
  mount();
  EXPECT_TRUE(served.exists("one/_/tags/v1/layers"));
  const std::string manifest = one.manifest.digest.str();
  for (const std::string folder : {"images/", "manifests/", "oci/blobs/sha256/"}) {
    const std::string name = folder + (folder[0] == 'o' ? manifest.substr(7) : manifest);
    EXPECT_FALSE(served.exists("two/_/" + name)) << folder;
    EXPECT_TRUE(served.exists("one/_/" + name)) << folder;
  }
  EXPECT_FALSE(served.exists("two@" + manifest));
  // While nobody can say that it is not there, what was verified once stays readable (promise 7).
  place->at("two").fail_all(Errc::unavailable);
  mount([](MountSettings& settings) { settings.network = cache::Network::offline; });
  EXPECT_TRUE(served.exists("one/_/images/" + manifest));
}

TEST_F(PlaceTest, LeadsFromTagsAndDigestsIntoTheRepositoryWithoutListingThem) {
  const Image image = add("a/b");
  mount();
  const std::string digest = image.manifest.digest.str();
  EXPECT_EQ(served.link("a/b:v1"), "b/_/tags/v1");
  EXPECT_EQ(served.link("a/b@" + digest), "b/_/images/" + digest);
  EXPECT_EQ(served.link("a/b@" + hyphenated(image.manifest.digest)),
            "b/_/images/" + hyphenated(image.manifest.digest));
  EXPECT_EQ(served.names("a"), Names{"b"});
  for (const std::string name :
       {"a/b:v2", "a/b:", "a/b@", "a/b@v1", "a/c:v1", "a/_:v1", "a/:v1", "a/b:v1:v1"}) {
    EXPECT_FALSE(served.exists(name)) << name;
  }
  EXPECT_FALSE(served.exists("a/b@" + kNowhere));
  add("top");
  EXPECT_EQ(served.link("top:v1"), "top/_/tags/v1");
}

TEST_F(PlaceTest, ShowsEverythingThatAPlaceHoldsAsOneRepository) {
  const Image named = add("a");
  ObjectSet set;
  const Image nameless = two_layers(set);
  test::MemorySource& everything = place->make_everything();
  set.put_into(everything);
  everything.add_untagged(nameless.manifest);
  mount([](MountSettings& settings) { settings.selection.is_local = true; });
  EXPECT_EQ(served.names(""), (Names{"_", "a", ".digestfs"}));
  EXPECT_EQ(served.names("_"), kTree);
  EXPECT_EQ(served.names("_/tags"), Names());
  EXPECT_EQ(served.names("_/images"), Names{nameless.manifest.digest.str()});
  EXPECT_EQ(served.link("_/images/" + nameless.manifest.digest.str() + "/manifest.json"),
            "../../manifests/" + nameless.manifest.digest.str());
}

TEST_F(PlaceTest, KnowsWithoutAskingWhatCanBeNoRepository) {
  add("a");
  mount();
  served.names("");
  const auto lists = place->lists();
  for (const std::string name : {".git", ".hidden", ".Trash", ".Trash-1000", "Trash", "a/.git",
                                 "a/B", "a/-", "a/b_", "a b", "a\n", "a/.digestfs", "__"}) {
    EXPECT_FALSE(served.exists(name)) << name;
  }
  EXPECT_FALSE(served.exists(std::string(256, 'x')));
  EXPECT_EQ(place->opens(), 0U);
  EXPECT_EQ(place->lists(), lists);
}

TEST_F(PlaceTest, BelievesForTheTimeToLiveThatThereIsNoRepository) {
  add("a");
  mount();
  EXPECT_FALSE(served.exists("b"));
  EXPECT_FALSE(served.exists("b"));
  EXPECT_FALSE(served.exists("b:v1"));
  EXPECT_EQ(place->opens("b"), 1U);
  mount([](MountSettings& settings) { settings.selection.tag_ttl = Clock::duration::zero(); });
  EXPECT_FALSE(served.exists("b"));
  add("b");
  EXPECT_TRUE(served.exists("b"));
  EXPECT_EQ(served.names("b/_/tags"), Names{"v1"});
}

TEST_F(PlaceTest, AsksForARepositoryThatIsMissingFromAFreshList) {
  add("a");
  mount();
  EXPECT_EQ(served.names(""), (Names{"a", ".digestfs"}));
  add("new");
  EXPECT_EQ(served.names("new/_/tags"), Names{"v1"});
  // From now on it is listed, whatever the list says.
  EXPECT_EQ(served.names(""), (Names{"a", "new", ".digestfs"}));
}

TEST_F(PlaceTest, EnteringADirectoryOpensNoRepository) {
  for (int i = 0; i < 40; ++i) add("a/r" + std::to_string(i));
  mount();
  EXPECT_EQ(served.names("a").size(), 40U);
  EXPECT_EQ(served.names("a/r7"), Names{"_"});
  EXPECT_EQ(place->opens(), 0U);
  served.names("a/r7/_");
  served.names("a/r7/_/tags");
  EXPECT_EQ(place->opens(), 1U);
}

TEST_F(PlaceTest, WithoutAListShowsWhatThisMountHasSeen) {
  add("a/b");
  place->keep_no_list();
  mount();
  EXPECT_EQ(served.names(""), Names{".digestfs"});
  // Nobody can say that there is nothing below it.
  EXPECT_EQ(served.names("a"), Names());
  EXPECT_EQ(served.names("other"), Names());
  EXPECT_FALSE(served.exists("other/_"));
  EXPECT_EQ(served.names("a/b/_/tags"), Names{"v1"});
  EXPECT_EQ(served.names(""), (Names{"a", ".digestfs"}));
  EXPECT_EQ(served.names("a"), Names{"b"});
  EXPECT_TRUE(served.problems().empty());
}

TEST_F(PlaceTest, ListsNoTreesOfFilesUnlessTold) {
  add("a");
  mount();
  const Names bare{"image",     "manifest.json", "config.json", "layers",
                   "referrers", "platforms",     "host"};
  EXPECT_EQ(served.names("a/_/tags/v1"), bare);
  EXPECT_EQ(served.names("a/_/tags/v1/layers/00"), (Names{"blob", "diff", "created_by"}));
  for (const std::string name :
       {"a/_/oci", "a/_/tags/v1/oci", "a/_/tags/v1/rootfs", "a/_/tags/v1/layers/00/tree"}) {
    EXPECT_TRUE(served.exists(name)) << name;
  }
  mount([](MountSettings& settings) { settings.selection.list_trees = true; });
  Names full = bare;
  full.insert({"rootfs", "oci"});
  EXPECT_EQ(served.names("a/_/tags/v1"), full);
  EXPECT_EQ(served.names("a/_/tags/v1/layers/00"), (Names{"blob", "diff", "tree", "created_by"}));
  EXPECT_TRUE(served.names("a/_").contains("oci"));
}

TEST_F(PlaceTest, NoInodeComesToMeanSomethingElse) {
  add("a");
  add("b");
  mount([](MountSettings& settings) { settings.selection.tag_ttl = Clock::duration::zero(); });
  std::set<std::uint64_t> inodes;
  const std::vector<std::string> paths = {"a",   "a/_",      "a/_/tags",    "a/_/tags/v1", "b",
                                          "b/_", "b/_/tags", "b/_/tags/v1", "a:v1",        "b:v1"};
  for (const std::string& path : paths) inodes.insert(served.entry(path).nodeid);
  EXPECT_EQ(inodes.size(), paths.size());
  place->remove("a");
  EXPECT_EQ(served.error_of_listing("b/_/tags"), 0);
  add("a");
  for (const std::string& path : paths) inodes.insert(served.entry(path).nodeid);
  EXPECT_EQ(inodes.size(), paths.size());
}

TEST_F(PlaceTest, OneJournalSaysInWhichRepositorySomethingIsWrong) {
  add("a");
  const Image image = add("b");
  place->at("a").add_left_out({"..", "it is no tag"});
  place->at("b").serve_instead(image.layers[0].digest, "other bytes");
  mount();
  served.names("a/_/tags");
  EXPECT_EQ(served.read("b/_/blobs/" + image.layers[0].digest.str()).error, EIO);
  const auto names = served.problems("bad-name");
  ASSERT_EQ(names.size(), 1U);
  EXPECT_EQ(names[0].source, "memory:a");
  const auto bytes = served.problems("digest-mismatch");
  ASSERT_EQ(bytes.size(), 1U);
  EXPECT_EQ(bytes[0].source, "memory:b");
  // What came is in the quarantine of the mount.
  EXPECT_EQ(served.names(".digestfs/quarantine"), Names{digest_of("other bytes").str()});
  EXPECT_EQ(served.read(".digestfs/quarantine/" + digest_of("other bytes").str()).text,
            "other bytes");
}

TEST_F(PlaceTest, OfflineShowsTheRepositoriesThatAreCached) {
  const Image image = add("a/b");
  add("c");
  mount();
  served.names("a/b/_/tags");
  served.read("a/b/_/configs/" + image.config.digest.str());
  served.link("a/b/_/tags/v1/image");
  mount([](MountSettings& settings) { settings.network = cache::Network::offline; });
  EXPECT_EQ(served.names("a/b/_/tags"), Names{"v1"});
  EXPECT_EQ(served.error_of("c/_"), ETIMEDOUT);
}

}  // namespace
}  // namespace digestfs::fs
