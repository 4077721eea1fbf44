// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fuse.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/served.h"

// What stat, getfattr and the kernel's caches are told, over the FUSE protocol.

namespace digestfs::fs {
namespace {

using registry::Descriptor;
using registry::Endpoint;
using test::FakeKernel;
using test::Image;
using test::MountSettings;
using test::ObjectSet;
using test::Served;

using Names = std::set<std::string>;

constexpr const char* kManifestType = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kConfigType = "application/vnd.oci.image.config.v1+json";
constexpr const char* kLayerType = "application/vnd.oci.image.layer.v1.tar+gzip";

// A year: whatever the kernel may keep for ever it may keep at least that long.
constexpr std::uint64_t kLong = 365ULL * 24 * 3600;

/// A small image whose layer decompresses to much more than it is.
struct Fixture {
  Fixture() { set.tag("v1", image.manifest); }

  [[nodiscard]] std::string manifest() const { return "manifests/" + image.manifest.digest.str(); }
  [[nodiscard]] std::string config() const { return "configs/" + image.config.digest.str(); }
  [[nodiscard]] std::string blob() const { return "blobs/" + image.layers[0].digest.str(); }
  [[nodiscard]] std::string diff() const { return "diffs/" + image.diff_ids[0].str(); }

  ObjectSet set;
  Image image =
      add_image(set, {test::gzip_layer({{.name = "f", .content = std::string(70000, 'x')}})});
};

// A tar of one header, 70,000 bytes up to 137 blocks of 512, and two blocks at its end.
constexpr std::uint64_t kDiffSize = 512 + 137 * 512 + 1024;

fuse_open_out open_file_of(Served& served, const std::string& path) {
  FakeKernel& kernel = served.kernel();
  const auto reply = kernel.wait(kernel.send_open(kernel.walk(path)));
  EXPECT_EQ(reply.error, 0) << path;
  return reply.as<fuse_open_out>();
}

bool keeps_cache(const fuse_open_out& opened) {
  return (opened.open_flags & FOPEN_KEEP_CACHE) != 0;
}

/// Overwrites a file that the cache keeps read-only, in place.
void damage(const std::filesystem::path& path) {
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.exceptions(std::ios::failbit | std::ios::badbit);
  file.seekp(3);
  file.put('?');
  file.close();
}

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

TEST(Xattrs, OfADigestFileAreFactsOfItsContent) {
  const Fixture fixture;
  Served served;
  served.mount(fixture.set);
  served.names("tags/v1");
  const std::string manifest = fixture.manifest();
  EXPECT_EQ(served.xattr(manifest, "user.oci.digest"), fixture.image.manifest.digest.str());
  EXPECT_EQ(served.xattr(manifest, "user.oci.size"),
            std::to_string(fixture.image.manifest.size.value()));
  EXPECT_EQ(served.xattr(manifest, "user.oci.mediaType"), kManifestType);
  EXPECT_EQ(served.xattr(manifest, "user.digestfs.state"), "verified");
  EXPECT_EQ(served.xattr_names(manifest),
            (Names{"user.oci.digest", "user.oci.size", "user.oci.mediaType", "user.digestfs.state",
                   "user.digestfs.size"}));
  // A layer does not say what it is; what a descriptor says of it is not a fact of its content.
  const std::string blob = fixture.blob();
  EXPECT_EQ(served.xattr(blob, "user.oci.mediaType"), std::nullopt);
  EXPECT_EQ(served.xattr(blob, "user.oci.diffID"), fixture.image.diff_ids[0].str());
  EXPECT_EQ(served.xattr_names(blob), (Names{"user.oci.digest", "user.oci.size", "user.oci.diffID",
                                             "user.digestfs.state", "user.digestfs.size"}));
  const std::string diff = fixture.diff();
  EXPECT_EQ(served.xattr(diff, "user.oci.digest"), fixture.image.diff_ids[0].str());
  EXPECT_EQ(served.xattr_names(diff),
            (Names{"user.oci.digest", "user.digestfs.state", "user.digestfs.size"}));
}

TEST(Xattrs, SayHowFarAnObjectHasCome) {
  const Fixture fixture;
  Served served;
  served.mount(fixture.set);
  served.names("tags/v1");
  const char* const state = "user.digestfs.state";
  EXPECT_EQ(served.xattr(fixture.blob(), state), "remote");
  EXPECT_EQ(served.xattr(fixture.diff(), state), "remote");
  EXPECT_EQ(served.read(fixture.diff()).error, 0);
  EXPECT_EQ(served.xattr(fixture.blob(), state), "verified");
  EXPECT_EQ(served.xattr(fixture.diff(), state), "verified");
  served.mount();
  served.names("tags/v1");
  EXPECT_EQ(served.xattr(fixture.blob(), state), "cached");
  EXPECT_EQ(served.xattr(fixture.diff(), state), "cached");
  EXPECT_EQ(served.read(fixture.blob()).error, 0);  // which closes it again
  EXPECT_EQ(served.xattr(fixture.blob(), state), "verified");
  std::filesystem::remove(served.cached("blobs", fixture.image.layers[0].digest));
  EXPECT_EQ(served.xattr(fixture.blob(), state), "remote");
}

TEST(Xattrs, OfImageDirectoriesTellWhatTheManifestSays) {
  ObjectSet set;
  const auto config = set.add(Endpoint::blobs, test::config_json({}), kConfigType);
  const std::string long_key(300, 'k');
  const auto manifest =
      set.add(Endpoint::manifests,
              R"({"schemaVersion":2,"mediaType":")" + std::string(kManifestType) +
                  R"(","artifactType":"text/x-kind","config":{"mediaType":")" + kConfigType +
                  R"(","digest":")" + config.digest.str() + R"(","size":)" +
                  std::to_string(config.size.value()) +
                  R"(},"layers":[],"annotations":{"org.opencontainers.image.title":"the title",)" +
                  R"("empty":"",")" + long_key + R"(":"x","number":1}})",
              kManifestType);
  set.tag("v1", manifest);
  Served served;
  served.mount(set);
  served.names("tags/v1");
  for (const std::string& path : {std::string("tags/v1"), "images/" + manifest.digest.str()}) {
    EXPECT_EQ(served.xattr(path, "user.oci.digest"), manifest.digest.str()) << path;
    EXPECT_EQ(served.xattr(path, "user.oci.size"), std::to_string(manifest.size.value())) << path;
    EXPECT_EQ(served.xattr(path, "user.oci.mediaType"), kManifestType) << path;
    EXPECT_EQ(served.xattr(path, "user.oci.artifactType"), "text/x-kind") << path;
    EXPECT_EQ(served.xattr(path, "user.oci.annotation.org.opencontainers.image.title"), "the title")
        << path;
    EXPECT_EQ(served.xattr(path, "user.oci.annotation.empty"), "") << path;
    // The kernel takes no name this long, and would refuse the whole list.
    EXPECT_FALSE(served.xattr_names(path).contains("user.oci.annotation." + long_key)) << path;
    EXPECT_EQ(
        served.xattr_names(path),
        (Names{"user.oci.digest", "user.oci.size", "user.oci.mediaType", "user.oci.artifactType",
               "user.oci.annotation.empty", "user.oci.annotation.org.opencontainers.image.title"}))
        << path;
  }
}

TEST(Xattrs, OfATagCostNothing) {
  const Fixture fixture;
  Served served;
  served.mount(fixture.set);
  EXPECT_EQ(served.xattr_names("tags/v1"), Names());
  EXPECT_EQ(served.xattr("tags/v1", "user.oci.digest"), std::nullopt);
  EXPECT_EQ(served.source.resolves(), 0U);
  served.names("tags/v1");
  EXPECT_EQ(served.xattr("tags/v1", "user.oci.digest"), fixture.image.manifest.digest.str());
  EXPECT_EQ(served.xattr("tags/v1", "user.digestfs.stale"), std::nullopt);
}

TEST(Xattrs, OfALayerDirectoryAreFactsOfItsDescriptor) {
  ObjectSet set;
  const auto layer = test::gzip_layer({{.name = "a"}});
  auto blob = set.add(Endpoint::blobs, layer.blob, kLayerType);
  blob.annotations["org.example.note"] = "hello";
  const auto config =
      set.add(Endpoint::blobs, test::config_json({digest_of(layer.diff)}), kConfigType);
  set.tag("v1", set.add(Endpoint::manifests, test::manifest_json(config, {blob}), kManifestType));
  Served served;
  served.mount(set);
  const std::string path = "tags/v1/layers/00";
  EXPECT_EQ(served.xattr(path, "user.oci.digest"), blob.digest.str());
  EXPECT_EQ(served.xattr(path, "user.oci.size"), std::to_string(blob.size.value()));
  EXPECT_EQ(served.xattr(path, "user.oci.mediaType"), kLayerType);
  EXPECT_EQ(served.xattr(path, "user.oci.annotation.org.example.note"), "hello");
}

TEST(Xattrs, AreNoneOnLinks) {
  const Fixture fixture;
  Served served;
  served.mount(fixture.set);
  for (const std::string path :
       {"tags/v1/image", "tags/v1/manifest.json", "tags/v1/host", "tags/v1/layers/00/blob"}) {
    EXPECT_EQ(served.xattr_names(path), Names()) << path;
    EXPECT_EQ(served.xattr(path, "user.oci.digest"), std::nullopt) << path;
  }
}

TEST(Xattrs, FollowTheProtocolOfGetxattr) {
  const Fixture fixture;
  Served served;
  served.mount(fixture.set);
  served.names("tags/v1");
  FakeKernel& kernel = served.kernel();
  const auto inode = kernel.walk(fixture.manifest());
  const std::string name = "user.oci.digest";
  // Size 0 asks how large the value is.
  EXPECT_EQ(kernel.getxattr(inode, name, 0).as<fuse_getxattr_out>().size, 71U);
  EXPECT_EQ(kernel.getxattr(inode, name, 70).error, ERANGE);
  const auto exact = kernel.getxattr(inode, name, 71);
  EXPECT_EQ(exact.error, 0);
  EXPECT_EQ(exact.text(), fixture.image.manifest.digest.str());
  EXPECT_EQ(kernel.getxattr(inode, "user.nothing", 100).error, ENODATA);
  EXPECT_EQ(kernel.getxattr(inode, "user.nothing", 0).error, ENODATA);
  EXPECT_EQ(kernel.getxattr(inode, "security.capability", 100).error, ENODATA);
  const auto needed = kernel.getxattr(inode, "", 0).as<fuse_getxattr_out>().size;
  EXPECT_EQ(kernel.getxattr(inode, "", needed).text().size(), needed);
  EXPECT_EQ(kernel.getxattr(inode, "", needed - 1).error, ERANGE);
}

TEST(Inodes, BelongToOneContentWhateverThePath) {
  ObjectSet set;
  const auto plain = test::plain_layer({{.name = "a"}});
  const Image image = add_image(set, {plain});
  set.tag("v1", image.manifest);
  set.tag("v2", image.manifest);
  Served served;
  served.mount(set);
  served.names("tags/v1");
  const auto inode = [&](const std::string& path) { return served.kernel().walk(path); };
  EXPECT_EQ(inode("configs/" + image.config.digest.str()),
            inode("blobs/" + image.config.digest.str()));
  // An uncompressed layer is its own diff.
  EXPECT_EQ(image.layers[0].digest, image.diff_ids[0]);
  EXPECT_EQ(inode("blobs/" + image.layers[0].digest.str()),
            inode("diffs/" + image.diff_ids[0].str()));
  // A directory has one inode a path: the kernel gives it one parent.
  EXPECT_NE(inode("tags/v1"), inode("tags/v2"));
  EXPECT_NE(inode("tags/v1/layers"), inode("tags/v2/layers"));
  EXPECT_NE(inode("tags/v1/layers/00"),
            inode("images/" + image.manifest.digest.str() + "/layers/00"));
  // A listing and a lookup agree.
  for (const std::string path : {"", "tags/v1", "tags/v1/layers/00", "blobs", "configs"}) {
    for (const auto& entry : served.kernel().list(inode(path))) {
      EXPECT_EQ(entry.inode, inode(path.empty() ? entry.name : path + "/" + entry.name));
      EXPECT_EQ(entry.entry.nodeid, entry.inode);
      EXPECT_EQ(entry.entry.attr.ino, entry.inode);
    }
  }
}

TEST(Inodes, AreNeverReboundWhenATagMoves) {
  ObjectSet set;
  const auto image_of = [&set](const std::string& content, const std::string& architecture) {
    return add_image(set, {test::gzip_layer({{.name = "f", .content = content}})}, architecture);
  };
  const Image before = image_of("before", "amd64");
  const Image after = image_of("after", "arm64");
  set.tag("v1", before.manifest);
  Served served;
  MountSettings settings;
  settings.selection.tag_ttl = Clock::duration::zero();
  served.mount(set, settings);
  const std::vector<std::string> paths = {
      "tags/v1/image",     "tags/v1/manifest.json",  "tags/v1/config.json",
      "tags/v1/layers",    "tags/v1/layers/00",      "tags/v1/layers/00/blob",
      "tags/v1/platforms", "tags/v1/layers/00/diff", "tags/v1/layers/00/created_by"};
  FakeKernel& kernel = served.kernel();
  std::vector<std::uint64_t> old;
  std::set<std::uint64_t> all;
  for (const auto& path : paths) all.insert(old.emplace_back(kernel.walk(path)));
  EXPECT_EQ(all.size(), paths.size());
  std::vector<std::string> links;
  for (const auto inode : old) links.push_back(kernel.readlink(inode));
  const auto listed = kernel.list(old[3]);

  served.source.tag("v1", after.manifest);
  for (std::size_t i = 0; i < paths.size(); ++i) {
    EXPECT_TRUE(all.insert(kernel.walk(paths[i])).second) << paths[i] << " has an old inode";
    // What the kernel still holds means what it meant.
    EXPECT_EQ(kernel.readlink(old[i]), links[i]) << paths[i];
  }
  EXPECT_EQ(kernel.list(old[3]).at(0).inode, listed.at(0).inode);

  // Back again: the same content, so the same numbers.
  served.source.tag("v1", before.manifest);
  for (std::size_t i = 0; i < paths.size(); ++i) {
    EXPECT_EQ(kernel.walk(paths[i]), old[i]) << paths[i];
  }
}

TEST(Inodes, ThatWereNeverGivenOutAreStale) {
  const Fixture fixture;
  Served served;
  served.mount(fixture.set);
  fuse_getattr_in body{};
  const std::string request(reinterpret_cast<const char*>(&body), sizeof body);
  EXPECT_EQ(served.kernel().call(FUSE_GETATTR, 1'000'000, request).error, ESTALE);
  EXPECT_EQ(served.kernel().lookup(1'000'000, "x").error, ESTALE);
  EXPECT_EQ(served.kernel().wait(served.kernel().send_open(1'000'000)).error, ESTALE);
}

TEST(Timeouts, AreLongBelowADigestAndShortForWhatChanges) {
  const Fixture fixture;
  Served served;
  served.mount(fixture.set);
  served.names("tags/v1");
  open_file_of(served, fixture.blob());
  const std::string pinned = "images/" + fixture.image.manifest.digest.str();
  struct Case {
    std::string path;
    bool name_lasts;
    bool attributes_last;
  };
  const std::vector<Case> cases = {
      {"tags", true, false},
      {"images", true, false},
      {"blobs", true, false},
      {"diffs", true, false},
      {".digestfs", true, true},
      {".digestfs/problems.jsonl", true, false},
      {pinned, true, true},
      {pinned + "/manifest.json", true, true},
      {pinned + "/layers", true, true},
      {pinned + "/layers/00/created_by", true, true},
      {fixture.manifest(), true, true},
      {fixture.blob(), true, true},
      {fixture.diff(), true, false},  // a placeholder still
      {"tags/v1", false, false},
      {"tags/v1/manifest.json", false, true},
      {"tags/v1/layers", false, true},
      {"tags/v1/layers/00/blob", true, true},
  };
  for (const auto& [path, name_lasts, attributes_last] : cases) {
    const auto entry = served.entry(path);
    if (name_lasts) {
      EXPECT_GT(entry.entry_valid, kLong) << path;
    } else {
      EXPECT_LE(entry.entry_valid, 60U) << path;  // the tag's time to live
    }
    if (attributes_last) {
      EXPECT_GT(entry.attr_valid, kLong) << path;
    } else {
      EXPECT_EQ(entry.attr_valid, 0U) << path;
      EXPECT_EQ(entry.attr_valid_nsec, 0U) << path;
    }
  }
}

TEST(Timeouts, OfATagAreItsTimeToLive) {
  const Fixture fixture;
  Served served;
  MountSettings settings;
  settings.selection.tag_ttl = std::chrono::hours(10);
  served.mount(fixture.set, settings);
  for (const std::string path : {"tags/v1", "tags/v1/image"}) {
    EXPECT_GT(served.entry(path).entry_valid, 9U * 3600) << path;
    EXPECT_LE(served.entry(path).entry_valid, 10U * 3600) << path;
  }
  for (const auto& entry : served.kernel().list(served.kernel().walk("tags/v1"))) {
    EXPECT_GT(entry.entry.entry_valid, 9U * 3600) << entry.name;
    EXPECT_LE(entry.entry.entry_valid, 10U * 3600) << entry.name;
  }
  settings.selection.tag_ttl = Clock::duration::zero();
  served.mount(settings);
  for (const std::string path : {"tags/v1", "tags/v1/image", "tags/v1/layers"}) {
    EXPECT_EQ(served.entry(path).entry_valid, 0U) << path;
    EXPECT_EQ(served.entry(path).entry_valid_nsec, 0U) << path;
  }
}

TEST(Timeouts, OfAnAbsenceAreShortWhereItCanEnd) {
  const Fixture fixture;
  Served served;
  served.mount(fixture.set);
  const auto seconds_absent = [&](const std::string& folder, const std::string& name) {
    const auto reply = served.kernel().lookup(served.kernel().walk(folder), name);
    EXPECT_EQ(reply.error, 0);
    EXPECT_EQ(reply.as<fuse_entry_out>().nodeid, 0U) << folder << "/" << name;
    return reply.as<fuse_entry_out>().entry_valid;
  };
  const std::string nowhere = "sha256:" + std::string(64, '0');
  for (const std::string folder :
       {"blobs", "configs", "diffs", "images", "indexes", "manifests", "trees"}) {
    EXPECT_LE(seconds_absent(folder, nowhere), 5U) << folder;
  }
  EXPECT_LE(seconds_absent("tags", "v2"), 5U);
  EXPECT_LE(seconds_absent("tags/v1", "files"), 5U);
  // It comes to be when the diff turns out wrong.
  EXPECT_LE(seconds_absent("tags/v1/layers/00", "diff.actual"), 5U);
  const std::string pinned = "images/" + fixture.image.manifest.digest.str();
  EXPECT_LE(seconds_absent(pinned + "/layers/00", "diff.actual"), 5U);
  EXPECT_GT(seconds_absent(pinned, "nothing"), kLong);
  EXPECT_GT(seconds_absent("", "nothing"), kLong);
}

TEST(Timeouts, ADirectoryThatGrowsShowsItByItsTime) {
  const Fixture fixture;
  Served served;
  served.mount(fixture.set);
  const auto time_of = [&](const std::string& path) {
    const auto attributes = served.attributes(path);
    return std::pair(attributes.mtime, attributes.mtimensec);
  };
  const std::vector<std::string> folders = {"images", "manifests", "configs", "blobs", "diffs"};
  std::vector<std::pair<std::uint64_t, std::uint32_t>> before;
  for (const auto& folder : folders) before.push_back(time_of(folder));
  const auto tag_before = time_of("tags/v1");
  served.names("tags/v1");
  served.names("images/" + fixture.image.manifest.digest.str());
  for (std::size_t i = 0; i < folders.size(); ++i) {
    EXPECT_GT(time_of(folders[i]), before[i]) << folders[i];
    EXPECT_EQ(time_of(folders[i]), time_of(folders[i])) << folders[i];
  }
  EXPECT_GT(time_of("tags/v1"), tag_before);
  EXPECT_EQ(time_of("tags/v1"), time_of("tags/v1"));
}

TEST(OpenFlags, KeepTheKernelsPagesOfADigest) {
  const Fixture fixture;
  Served served;
  served.mount(fixture.set);
  served.names("tags/v1");
  for (const std::string& path : {fixture.manifest(), fixture.blob(), fixture.diff(),
                                  std::string("tags/v1/layers/00/created_by")}) {
    const auto opened = open_file_of(served, path);
    EXPECT_TRUE(keeps_cache(opened)) << path;
    EXPECT_EQ(opened.open_flags & FOPEN_DIRECT_IO, 0U) << path;
  }
}

TEST(OpenFlags, KeepNothingOfTheProblems) {
  const Fixture fixture;
  Served served;
  served.mount(fixture.set);
  const std::string path = ".digestfs/problems.jsonl";
  EXPECT_EQ(served.attributes(path).size, 0U);
  const auto opened = open_file_of(served, path);
  EXPECT_FALSE(keeps_cache(opened));
  EXPECT_NE(opened.open_flags & FOPEN_DIRECT_IO, 0U);
  const auto inode = served.kernel().walk(path);

  served.source.serve_instead(fixture.image.layers[0].digest, "something else");
  served.names("tags/v1");
  EXPECT_EQ(served.read(fixture.blob()).error, EIO);
  // It grew, but what is open shows what there was; a new reader sees all of it.
  EXPECT_TRUE(served.kernel().read(inode, opened.fh, 0, 4096).body.empty());
  const auto text = served.read(path).text;
  EXPECT_EQ(served.attributes(path).size, text.size());
  EXPECT_NE(text, "");
}

TEST(OpenFlags, DropWhatTheKernelHasOfAFileThatWasDamaged) {  // promise 2
  const Fixture fixture;
  Served served;
  served.mount(fixture.set);
  served.names("tags/v1");
  const std::string good = served.read(fixture.blob()).text;
  damage(served.cached("blobs", fixture.image.layers[0].digest));
  EXPECT_FALSE(keeps_cache(open_file_of(served, fixture.blob())));
  EXPECT_EQ(served.read(fixture.blob()).text, good);
  EXPECT_TRUE(keeps_cache(open_file_of(served, fixture.blob())));
  const auto problems = served.problems("cache-damaged");
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].object, fixture.image.layers[0].digest.str());
  served.expect_sound_cache();
}

TEST(OpenFlags, DropWhatAnEarlierMountLeftDamaged) {
  const Fixture fixture;
  Served served;
  served.mount(fixture.set);
  served.names("tags/v1");
  const std::string good = served.read(fixture.diff()).text;
  served.unmount();
  damage(served.cached("diffs", fixture.image.diff_ids[0]));
  served.mount();
  served.names("tags/v1");
  EXPECT_FALSE(keeps_cache(open_file_of(served, fixture.diff())));
  EXPECT_EQ(served.read(fixture.diff()).text, good);
  served.expect_sound_cache();
}

TEST(OpenFlags, AreOfAReadOnlyFile) {
  const Fixture fixture;
  Served served;
  served.mount(fixture.set);
  FakeKernel& kernel = served.kernel();
  const auto inode = kernel.walk(fixture.manifest());
  EXPECT_EQ(kernel.wait(kernel.send_open(inode, O_WRONLY)).error, EROFS);
  EXPECT_EQ(kernel.wait(kernel.send_open(inode, O_RDWR)).error, EROFS);
  EXPECT_EQ(kernel.wait(kernel.send_open(kernel.walk("tags"))).error, EISDIR);
}

TEST(Hello, AsksForParallelLookupsAndNoOpendir) {  // design, section 5
  const Fixture fixture;
  Served served;
  served.mount(fixture.set);
  const auto flags = served.kernel().hello().flags;
  EXPECT_NE(flags & FUSE_PARALLEL_DIROPS, 0U);
  EXPECT_NE(flags & FUSE_DO_READDIRPLUS, 0U);
  EXPECT_EQ(flags & FUSE_READDIRPLUS_AUTO, 0U);
  fuse_open_in body{};
  const std::string request(reinterpret_cast<const char*>(&body), sizeof body);
  EXPECT_EQ(served.kernel().call(FUSE_OPENDIR, FUSE_ROOT_ID, request).error, ENOSYS);
}

}  // namespace
}  // namespace digestfs::fs
