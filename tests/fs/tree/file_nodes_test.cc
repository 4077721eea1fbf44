// SPDX-License-Identifier: Apache-2.0
// Trees of files as a mount shows them: trees/, layers/NN/tree and rootfs/.

#include "fs/tree/file_nodes.h"

#include <cerrno>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/file.h"
#include "tests/support/served.h"
#include "tests/support/tar_builder.h"

namespace digestfs::fs {
namespace {

using registry::Descriptor;
using registry::Endpoint;
using test::Image;
using test::ObjectSet;
using test::Served;
using Names = std::set<std::string>;

constexpr const char* kManifestType = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kConfigType = "application/vnd.oci.image.config.v1+json";

test::Layer layer_of(const std::string& tar) {
  return {test::gzip(tar), tar, "application/vnd.oci.image.layer.v1.tar+gzip"};
}

struct Fixture {
  explicit Fixture(const std::vector<test::Layer>& layers) : image(add_image(set, layers)) {
    set.tag("v1", image.manifest);
    served.mount(set);
    served.names("tags/v1/layers");  // whoever has not met a diff_id cannot ask for it
  }

  [[nodiscard]] std::string tree(std::size_t layer) const {
    return "trees/" + image.diff_ids.at(layer).str();
  }

  ObjectSet set;
  Image image;
  Served served;
};

TEST(FileNodes, SharesFilesBetweenPlacesAndDirectoriesWithNone) {  // design, "The tree"
  Fixture fixture({test::gzip_layer({{.name = "d/", .type = '5', .mode = 0755},
                                     {.name = "d/f", .content = "content"},
                                     {.name = "d/h", .type = '1', .link = "d/f"}})});
  Served& served = fixture.served;
  const std::string numbered = "tags/v1/layers/00/tree";
  const std::string pinned = "images/" + fixture.image.manifest.digest.str() + "/layers/00/tree";
  const auto inode = [&](const std::string& path) { return served.entry(path).nodeid; };
  const auto file = inode(fixture.tree(0) + "/d/f");
  EXPECT_EQ(inode(fixture.tree(0) + "/d/h"), file);
  EXPECT_EQ(inode(numbered + "/d/f"), file);
  EXPECT_EQ(inode(pinned + "/d/f"), file);
  EXPECT_NE(inode("tags/v1/rootfs/d/f"), file);
  EXPECT_EQ(served.attributes(numbered + "/d/f").nlink, 2U);
  const std::set<std::uint64_t> directories{inode(fixture.tree(0) + "/d"), inode(numbered + "/d"),
                                            inode(pinned + "/d"), inode("tags/v1/rootfs/d")};
  EXPECT_EQ(directories.size(), 4U);
  EXPECT_EQ(served.names("trees"), Names{fixture.image.diff_ids[0].str()});
  for (const std::string& path : {fixture.tree(0), numbered, std::string("tags/v1/rootfs")}) {
    EXPECT_EQ(served.read(path + "/d/f").text, "content") << path;
  }
  // However it was looked at, the layer was fetched once.
  EXPECT_EQ(served.read("diffs/" + fixture.image.diff_ids[0].str()).error, 0);
  EXPECT_EQ(served.source.fetches(fixture.image.layers[0].digest), 1U);
  EXPECT_TRUE(served.problems().empty());
}

TEST(FileNodes, IsReadFromTheCacheToo) {
  Fixture fixture({test::gzip_layer(
      {{.name = "big", .content = test::noise(300'000)}, {.name = "f", .content = "content"}})});
  Served& served = fixture.served;
  EXPECT_EQ(served.read("diffs/" + fixture.image.diff_ids[0].str()).error, 0);
  served.unmount();
  served.mount(fixture.set);
  EXPECT_EQ(served.names("tags/v1/layers/00/tree"), (Names{"big", "f"}));
  EXPECT_EQ(served.read("tags/v1/rootfs/big").text, test::noise(300'000));
  EXPECT_EQ(served.read("tags/v1/rootfs/f").text, "content");
  EXPECT_EQ(served.source.fetches(fixture.image.layers[0].digest), 1U);
}

TEST(FileNodes, KeepsNothingOfATreeThatIsOnlyLookedAtFromOutside) {  // promise 4
  Fixture fixture({test::gzip_layer({{.name = "./", .type = '5', .mode = 0711}, {.name = "f"}})});
  Served& served = fixture.served;
  const auto before = served.attributes("tags/v1/layers/00/tree");
  EXPECT_TRUE(S_ISDIR(before.mode));
  EXPECT_EQ(served.source.fetches(fixture.image.layers[0].digest), 0U);
  EXPECT_EQ(served.entry("tags/v1/layers/00/tree").attr_valid, 0U);
  EXPECT_EQ(served.names("trees"), Names());
  EXPECT_EQ(served.names("tags/v1/layers/00/tree"), Names{"f"});
  EXPECT_EQ(served.attributes("tags/v1/layers/00/tree").mode & 07777U, 0711U);
  EXPECT_GT(served.entry("tags/v1/layers/00/tree").attr_valid, 1000U);
}

// A copy of a tree's own directory had the mode 0555, so that nobody could write into it, and the
// time 1970.
TEST(FileNodes, ShowsOfATreeThatNobodyHasEnteredWhatNearlyEveryLayerHas) {
  const auto layer = test::gzip_layer({{.name = "./", .type = '5', .mode = 0711}, {.name = "f"}});
  ObjectSet set;
  const auto blob = set.add(Endpoint::blobs, layer.blob, layer.media_type);
  const Digest diff = digest_of(layer.diff);
  std::string text = test::config_json({diff});
  text.replace(0, 1, R"({"created":"2001-09-09T01:46:40.5Z",)");
  const auto config = set.add(Endpoint::blobs, text, kConfigType);
  set.tag("v1", set.add(Endpoint::manifests, test::manifest_json(config, {blob}), kManifestType));
  Served served;
  served.mount(set);
  for (const char* path : {"tags/v1/rootfs", "tags/v1/layers/00/tree"}) {
    const auto outside = served.attributes(path);
    EXPECT_EQ(outside.mode, S_IFDIR | 0755U) << path;
    EXPECT_EQ(outside.uid, 0U) << path;
    EXPECT_EQ(outside.gid, 0U) << path;
    EXPECT_EQ(outside.mtime, 1'000'000'000U) << path;
    EXPECT_EQ(outside.mtimensec, 500'000'000U) << path;
  }
  EXPECT_EQ(served.source.fetches(blob.digest), 0U);
  // What is known of the layer from elsewhere is shown.
  EXPECT_EQ(served.names("trees/" + diff.str()), Names{"f"});
  EXPECT_EQ(served.attributes("tags/v1/layers/00/tree").mode, S_IFDIR | 0711U);
}

TEST(FileNodes, ListsManyNamesInPagesAlsoOfOneFile) {
  std::vector<test::TarEntry> entries{{.name = "d/0", .content = "x"}};
  for (int i = 1; i < 5000; ++i) {
    const std::string name = "d/" + std::to_string(i);
    if (i % 2 == 0) {
      entries.push_back({.name = name});
    } else {
      entries.push_back({.name = name, .type = '1', .link = "d/0"});
    }
  }
  Fixture fixture({test::gzip_layer(entries)});
  test::FakeKernel& kernel = fixture.served.kernel();
  const auto list = kernel.list(kernel.walk("tags/v1/rootfs/d"));
  std::set<std::string> names;
  for (const auto& entry : list) names.insert(entry.name);
  EXPECT_EQ(list.size(), 5000U);
  EXPECT_EQ(names.size(), 5000U);
  EXPECT_EQ(fixture.served.attributes("tags/v1/rootfs/d/0").nlink, 2501U);
}

TEST(FileNodes, T7ShowsAHardLinkToNothingAsBrokenNotAsEmpty) {  // HL-1
  Fixture fixture(
      {test::gzip_layer({{.name = "h", .type = '1', .link = "missing"}, {.name = "f"}})});
  for (const std::string path : {"tags/v1/layers/00/tree/h", "tags/v1/rootfs/h"}) {
    EXPECT_EQ(fixture.served.read(path).error, EIO) << path;
  }
  EXPECT_EQ(fixture.served.read("tags/v1/rootfs/f").error, 0);
  const auto problems = fixture.served.problems("bad-entry");
  ASSERT_EQ(problems.size(), 2U);
  EXPECT_EQ(problems[0].object, fixture.tree(0) + "/h");
}

TEST(FileNodes, SaysWhichLayerAFileOfARootfsComesFrom) {
  Fixture fixture({test::gzip_layer({{.name = "a"}, {.name = "l", .type = '2', .link = "a"}}),
                   test::gzip_layer({{.name = "b"}})});
  Served& served = fixture.served;
  EXPECT_EQ(served.xattr("tags/v1/rootfs/a", "user.digestfs.layer"), "00");
  EXPECT_EQ(served.xattr("tags/v1/rootfs/b", "user.digestfs.layer"), "01");
  EXPECT_EQ(served.xattr_names("tags/v1/layers/00/tree/a"), Names());
  // The kernel has none of these on links: a name that is listed must not fail when it is read.
  EXPECT_EQ(served.xattr_names("tags/v1/rootfs/l"), Names());
}

TEST(FileNodes, T14ReadsHolesAsZeros) {
  const std::string tar = test::pax_header({{"GNU.sparse.size", "100000"},
                                            {"GNU.sparse.numblocks", "2"},
                                            {"GNU.sparse.map", "10,3,50000,2"}}) +
                          test::tar_file("s", "abcde") + test::tar_end();
  Fixture fixture({layer_of(tar)});
  std::string expected(100000, '\0');
  expected.replace(10, 3, "abc");
  expected.replace(50000, 2, "de");
  EXPECT_EQ(fixture.served.read("tags/v1/rootfs/s").text, expected);
  const auto attributes = fixture.served.attributes("tags/v1/rootfs/s");
  EXPECT_EQ(attributes.size, 100000U);
  EXPECT_EQ(attributes.blocks, 1U);
}

TEST(FileNodes, RefusesALayerThatIsNoTarAndThatOneOnly) {
  Fixture fixture({test::gzip_layer({{.name = "f"}}), layer_of(std::string(2000, 'x'))});
  Served& served = fixture.served;
  EXPECT_EQ(served.error_of("tags/v1/layers/01/tree/f"), EIO);
  EXPECT_EQ(served.error_of(fixture.tree(1) + "/f"), EIO);
  EXPECT_EQ(served.error_of("tags/v1/rootfs/f"), EIO);
  EXPECT_EQ(served.names("tags/v1/layers/00/tree"), Names{"f"});
  EXPECT_EQ(served.read("diffs/" + fixture.image.diff_ids[1].str()).text, std::string(2000, 'x'));
  EXPECT_EQ(served.read("blobs/" + fixture.image.layers[1].digest.str()).error, 0);
  const auto problems = served.problems("undecodable");
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].object, fixture.tree(1));
  served.expect_sound_cache();
}

TEST(FileNodes, D8GoesByTheTarWhateverATableOfContentsSays) {
  const std::string toc =
      R"({"version":1,"entries":[{"name":"f","type":"reg","size":3,"offset":0},)"
      R"({"name":"evil","type":"reg","size":9}]})";
  test::Layer layer = test::zstd_layer({{.name = "f", .content = "true"}});
  layer.blob = test::zstd_skippable(toc) + layer.blob + test::zstd_skippable(toc);
  Fixture fixture({test::gzip_layer({{.name = "e", .content = "true"},
                                     {.name = "stargz.index.json", .content = toc}}),
                   layer});
  EXPECT_EQ(fixture.served.names("tags/v1/rootfs"), (Names{"e", "f", "stargz.index.json"}));
  EXPECT_EQ(fixture.served.read("tags/v1/rootfs/f").text, "true");
}

TEST(FileNodes, D9ShowsNoTreeOfWhatItCannotRead) {
  ObjectSet set;
  const std::string secret = test::noise(1000);
  const auto encrypted =
      set.add(Endpoint::blobs, secret, "application/vnd.oci.image.layer.v1.tar+gzip+encrypted");
  const auto xz = set.add(Endpoint::blobs, std::string("\xfd") + "7zXZ" + std::string(100, '\0'),
                          "application/vnd.oci.image.layer.v1.tar+xz");
  const auto config = set.add(Endpoint::blobs,
                              test::config_json({digest_of("one"), digest_of("two")}), kConfigType);
  set.tag("v1", set.add(Endpoint::manifests, test::manifest_json(config, {encrypted, xz}),
                        kManifestType));
  Served served;
  served.mount(set);
  EXPECT_EQ(served.names("tags/v1/layers/00"), (Names{"blob", "created_by"}));
  EXPECT_EQ(served.error_of("tags/v1/layers/01/tree/f"), EOPNOTSUPP);
  EXPECT_EQ(served.error_of("tags/v1/rootfs/f"), EIO);
  for (const Descriptor& blob : {encrypted, xz}) {
    EXPECT_EQ(served.read("blobs/" + blob.digest.str()).text, set.objects().at(blob.digest).bytes);
  }
}

TEST(FileNodes, RefusesTheRootfsOfWhatDoesNotPairUp) {  // ORD-1
  ObjectSet set;
  const auto layer = test::gzip_layer({{.name = "f"}});
  const auto blob = set.add(Endpoint::blobs, layer.blob, layer.media_type);
  const auto config = set.add(Endpoint::blobs, test::config_json({}), kConfigType);
  set.tag("v1", set.add(Endpoint::manifests, test::manifest_json(config, {blob}), kManifestType));
  Served served;
  served.mount(set);
  EXPECT_TRUE(served.exists("tags/v1/rootfs"));
  EXPECT_EQ(served.error_of("tags/v1/rootfs/f"), EIO);
  EXPECT_EQ(served.problems("unpaired").size(), 1U);
  EXPECT_EQ(served.names("tags/v1/layers/00"), Names{"blob"});
  EXPECT_EQ(served.read("blobs/" + blob.digest.str()).error, 0);
}

TEST(FileNodes, HasAnEndForWhoeverEntersAStalledLayer) {  // promise 5
  Fixture fixture({test::gzip_layer({{.name = "f"}})});
  test::FakeKernel& kernel = fixture.served.kernel();
  const auto tree = kernel.walk("tags/v1/layers/00/tree");
  fixture.served.source.stall(fixture.image.layers[0].digest);
  const auto list = kernel.send_list(tree);
  const auto lookup = kernel.send_lookup(tree, "f");
  fixture.served.source.await_stalled(1);
  kernel.interrupt(list);
  EXPECT_EQ(kernel.wait(list).error, EINTR);
  EXPECT_FALSE(kernel.has_reply(lookup));
  fixture.served.source.release();
  EXPECT_EQ(kernel.wait(lookup).error, 0);
  EXPECT_EQ(fixture.served.names("tags/v1/rootfs"), Names{"f"});
}

}  // namespace
}  // namespace digestfs::fs
