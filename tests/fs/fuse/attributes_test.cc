// SPDX-License-Identifier: Apache-2.0
// What stat shows, over the FUSE protocol.

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <linux/fuse.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fs/fuse/attributes_fixture.h"

namespace digestfs::fs {
namespace {

TEST(Attributes, OfADigestFileNeverLookChanged) {
  const Fixture fixture;
  Served served;
  served.mount(fixture.set);
  served.names("tags/v1");
  for (const std::string& path :
       {fixture.manifest(), fixture.config(), fixture.blob(), fixture.diff()}) {
    const fuse_attr attributes = served.attributes(path);
    EXPECT_EQ(attributes.mode, S_IFREG | 0444U) << path;
    EXPECT_EQ(attributes.nlink, 2U) << path;
    EXPECT_EQ(attributes.uid, ::getuid()) << path;
    EXPECT_EQ(attributes.gid, ::getgid()) << path;
    for (const auto time : {attributes.mtime, attributes.ctime, attributes.atime}) {
      EXPECT_EQ(time, 0U) << path;
    }
    EXPECT_EQ(attributes.mtimensec + attributes.ctimensec + attributes.atimensec, 0U) << path;
  }
}

TEST(Attributes, OfDirectoriesAndLinks) {
  const Fixture fixture;
  Served served;
  served.mount(fixture.set);
  for (const std::string path : {"", "tags", "tags/v1", "images", "blobs", ".digestfs",
                                 "tags/v1/layers", "tags/v1/layers/00", "tags/v1/platforms"}) {
    EXPECT_EQ(served.attributes(path).mode, S_IFDIR | 0555U) << path;
    EXPECT_EQ(served.attributes(path).uid, ::getuid()) << path;
  }
  const fuse_attr link = served.attributes("tags/v1/image");
  EXPECT_EQ(link.mode, S_IFLNK | 0777U);
  EXPECT_EQ(link.size, std::string("../../images/").size() + 71);
  const fuse_attr text = served.attributes("tags/v1/layers/00/created_by");
  EXPECT_EQ(text.mode, S_IFREG | 0444U);
  EXPECT_EQ(text.size, std::string("made by hand\n").size());
}

TEST(Attributes, CountTheBlocksOfTheSizeNotOfTheCache) {
  const Fixture fixture;
  Served served;
  served.mount(fixture.set);
  served.names("tags/v1");
  for (const std::string& path :
       {fixture.manifest(), fixture.config(), fixture.blob(), fixture.diff()}) {
    const fuse_attr attributes = served.attributes(path);
    EXPECT_EQ(attributes.blocks, (attributes.size + 511) / 512) << path;
    EXPECT_GT(attributes.blocks, 0U) << path;
  }
  EXPECT_EQ(served.source.fetches(fixture.image.layers[0].digest), 0U);
}

TEST(Attributes, ShowSizesOfDescriptorsWithoutFetching) {
  const Fixture fixture;
  Served served;
  served.mount(fixture.set);
  served.names("tags/v1");
  const auto fetches = served.source.fetches();
  EXPECT_EQ(served.attributes(fixture.blob()).size, fixture.image.layers[0].size);
  EXPECT_EQ(served.attributes(fixture.config()).size, fixture.image.config.size);
  EXPECT_EQ(served.attributes(fixture.manifest()).size, fixture.image.manifest.size);
  EXPECT_EQ(served.xattr(fixture.blob(), "user.digestfs.size"), "exact");
  EXPECT_EQ(served.source.fetches(), fetches);
}

TEST(Attributes, OfADiffAreAPlaceholderUntilItIsOpened) {
  const Fixture fixture;
  Served served;
  served.mount(fixture.set);
  served.names("tags/v1");
  const std::string diff = fixture.diff();
  const fuse_entry_out before = served.entry(diff);
  EXPECT_EQ(before.attr.size, fixture.image.layers[0].size);
  EXPECT_EQ(before.attr_valid, 0U);
  EXPECT_EQ(before.attr_valid_nsec, 0U);
  EXPECT_EQ(served.xattr(diff, "user.digestfs.size"), "estimate");
  EXPECT_EQ(served.xattr(diff, "user.oci.size"), std::nullopt);
  EXPECT_TRUE(served.kernel().notifications().empty());

  open_file_of(served, diff);
  // Before the reply to the open, so that an fstat after it asks again: attributes only.
  const auto& notifications = served.kernel().notifications();
  ASSERT_EQ(notifications.size(), 1U);
  EXPECT_EQ(notifications[0].error, FUSE_NOTIFY_INVAL_INODE);
  const auto invalidated = notifications[0].as<fuse_notify_inval_inode_out>();
  EXPECT_EQ(invalidated.ino, before.nodeid);
  EXPECT_LT(invalidated.off, 0);
  const auto after = served.kernel().getattr(before.nodeid);
  EXPECT_EQ(after.attr.size, kDiffSize);
  EXPECT_EQ(after.attr.blocks, kDiffSize / 512);
  EXPECT_GT(after.attr_valid, kLong);
  EXPECT_EQ(served.xattr(diff, "user.digestfs.size"), "exact");
  EXPECT_EQ(served.xattr(diff, "user.oci.size"), std::to_string(kDiffSize));
  // Nothing is left to be told at the next open.
  open_file_of(served, diff);
  EXPECT_EQ(served.kernel().notifications().size(), 1U);
}

TEST(Attributes, OfADiffStayExactAfterItLeftTheCache) {
  const Fixture fixture;
  Served served;
  served.mount(fixture.set);
  served.names("tags/v1");
  ASSERT_EQ(served.read(fixture.diff()).text.size(), kDiffSize);
  std::filesystem::remove(served.cached("diffs", fixture.image.diff_ids[0]));
  EXPECT_EQ(served.attributes(fixture.diff()).size, kDiffSize);
  EXPECT_EQ(served.xattr(fixture.diff(), "user.digestfs.size"), "exact");
  // In a later mount too.
  served.mount();
  served.names("tags/v1");
  EXPECT_EQ(served.attributes(fixture.diff()).size, kDiffSize);
  EXPECT_EQ(served.xattr(fixture.diff(), "user.digestfs.size"), "exact");
  EXPECT_EQ(served.xattr(fixture.diff(), "user.digestfs.state"), "remote");
}

TEST(Attributes, AreNeverOfAnEmptyFileWhereThereIsContent) {
  // Descriptors without a size, or with none that can be true (VER-2).
  ObjectSet set;
  const auto layer = test::gzip_layer({{.name = "a"}});
  const auto plain = test::plain_layer({{.name = "b"}});
  auto blob = set.add(Endpoint::blobs, layer.blob, layer.media_type);
  auto stored = set.add(Endpoint::blobs, plain.blob, plain.media_type);
  const auto config =
      set.add(Endpoint::blobs, test::config_json({digest_of(layer.diff), digest_of(plain.diff)}),
              kConfigType);
  const auto text = [&](const std::string& size) {
    return R"({"schemaVersion":2,"config":{"mediaType":")" + std::string(kConfigType) +
           R"(","digest":")" + config.digest.str() + R"("},"layers":[{"digest":")" +
           blob.digest.str() + '"' + size + R"(},{"digest":")" + stored.digest.str() + '"' + size +
           "}]}";
  };
  for (const std::string size : {"", R"(,"size":0)"}) {
    Served served;
    set.tag("v1", set.add(Endpoint::manifests, text(size), kManifestType));
    served.mount(set);
    served.names("tags/v1/layers");
    const std::vector<std::string> paths = {"blobs/" + blob.digest.str(),
                                            "blobs/" + stored.digest.str(),
                                            "diffs/" + digest_of(layer.diff).str()};
    for (const std::string& path : paths) {
      EXPECT_GT(served.attributes(path).size, 0U) << path << size;
      EXPECT_EQ(served.xattr(path, "user.digestfs.size"), "estimate") << path << size;
      EXPECT_EQ(served.entry(path).attr_valid, 0U) << path << size;
    }
    EXPECT_EQ(served.read(paths[0]).text, layer.blob);
    EXPECT_EQ(served.read(paths[1]).text, plain.blob);
    EXPECT_EQ(served.read(paths[2]).text, layer.diff);
    EXPECT_EQ(served.attributes(paths[0]).size, layer.blob.size());
    EXPECT_EQ(served.attributes(paths[1]).size, plain.blob.size());
  }
}

TEST(Attributes, OfAnEmptyBlobSayThatItIsEmpty) {
  ObjectSet set;
  const auto empty = set.add(Endpoint::blobs, "");
  Served served;
  served.mount(set);
  const std::string path = "blobs/" + empty.digest.str();
  EXPECT_EQ(served.attributes(path).size, 0U);
  EXPECT_EQ(served.read(path).error, 0);
  EXPECT_EQ(served.attributes(path).size, 0U);
  EXPECT_EQ(served.xattr(path, "user.digestfs.size"), "exact");
}

TEST(Attributes, CorrectASizeThatADescriptorGotWrong) {  // design, "Settled"
  ObjectSet set;
  const auto layer = test::gzip_layer({{.name = "a"}});
  auto blob = set.add(Endpoint::blobs, layer.blob, layer.media_type);
  blob.size = layer.blob.size() + 7;
  const auto config =
      set.add(Endpoint::blobs, test::config_json({digest_of(layer.diff)}), kConfigType);
  set.tag("v1", set.add(Endpoint::manifests, test::manifest_json(config, {blob}), kManifestType));
  Served served;
  served.mount(set);
  served.names("tags/v1");
  const std::string path = "blobs/" + blob.digest.str();
  const auto before = served.entry(path);
  EXPECT_EQ(before.attr.size, blob.size);
  EXPECT_EQ(before.attr_valid, 0U);
  const auto content = served.read(path);
  EXPECT_EQ(content.error, 0);
  EXPECT_EQ(content.text, layer.blob);
  EXPECT_EQ(served.kernel().notifications().size(), 1U);
  EXPECT_EQ(served.attributes(path).size, layer.blob.size());
  const auto problems = served.problems("size-mismatch");
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].object, blob.digest.str());
  EXPECT_EQ(problems[0].promised_size, blob.size);
  EXPECT_EQ(problems[0].actual_size, layer.blob.size());
}

}  // namespace
}  // namespace digestfs::fs
