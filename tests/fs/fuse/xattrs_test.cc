// SPDX-License-Identifier: Apache-2.0
// What getfattr shows, over the FUSE protocol.

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <linux/fuse.h>

#include "base/flight.h"
#include "tests/fs/fuse/attributes_fixture.h"

namespace digestfs::fs {
namespace {

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
  // The thread that has answered the last read may hold the file for a moment yet.
  const auto deadline = Clock::now() + std::chrono::seconds(20);
  while (served.xattr(fixture.blob(), state) != "remote" && Clock::now() < deadline) {
    std::this_thread::yield();
  }
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

TEST(Xattrs, SayThatAManifestWasMadeHere) {
  const Fixture fixture;
  Served served;
  const Digest made = fixture.image.manifest.digest;
  served.source.set_made(made, "the archive keeps none");
  served.mount(fixture.set);
  served.names("tags/v1");
  for (const std::string& path : {std::string("tags/v1"), "images/" + made.str()}) {
    EXPECT_EQ(served.xattr(path, "user.digestfs.made"), "the archive keeps none") << path;
  }
  // It is a fact of the image in this source, not of the bytes.
  EXPECT_EQ(served.xattr(fixture.manifest(), "user.digestfs.made"), std::nullopt);
}

TEST(Xattrs, SayNothingOfAManifestThatTheSourceKeeps) {
  const Fixture fixture;
  Served served;
  served.mount(fixture.set);
  served.names("tags/v1");
  EXPECT_EQ(served.xattr("tags/v1", "user.digestfs.made"), std::nullopt);
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

}  // namespace
}  // namespace digestfs::fs
