// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include <gtest/gtest.h>
#include <linux/fuse.h>

#include "tests/support/served.h"

// What the tests of attributes and of the kernel's caches share.

namespace digestfs::fs {

using registry::Descriptor;
using registry::Endpoint;
using test::FakeKernel;
using test::Image;
using test::MountSettings;
using test::ObjectSet;
using test::Served;

using Names = std::set<std::string>;

inline constexpr const char* kManifestType = "application/vnd.oci.image.manifest.v1+json";
inline constexpr const char* kConfigType = "application/vnd.oci.image.config.v1+json";
inline constexpr const char* kLayerType = "application/vnd.oci.image.layer.v1.tar+gzip";

// A year: whatever the kernel may keep for ever it may keep at least that long.
inline constexpr std::uint64_t kLong = 365ULL * 24 * 3600;

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
inline constexpr std::uint64_t kDiffSize = 512 + 137 * 512 + 1024;

inline fuse_open_out open_file_of(Served& served, const std::string& path) {
  FakeKernel& kernel = served.kernel();
  const auto reply = kernel.wait(kernel.send_open(kernel.walk(path)));
  EXPECT_EQ(reply.error, 0) << path;
  return reply.as<fuse_open_out>();
}

inline bool keeps_cache(const fuse_open_out& opened) {
  return (opened.open_flags & FOPEN_KEEP_CACHE) != 0;
}

/// Overwrites a file that the cache keeps read-only, in place.
inline void damage(const std::filesystem::path& path) {
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.exceptions(std::ios::failbit | std::ios::badbit);
  file.seekp(3);
  file.put('?');
  file.close();
}

}  // namespace digestfs::fs
