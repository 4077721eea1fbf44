// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/support/served.h"

// What the tests of promises 1, 2, 3 and 9 share: which errno, which record, and never a wrong
// byte.

namespace digestfs::fs {

using registry::Descriptor;
using registry::Endpoint;
using test::FakeKernel;
using test::Image;
using test::MemorySource;
using test::MountSettings;
using test::ObjectSet;
using test::Served;

using Names = std::set<std::string>;

inline constexpr const char* kManifestType = "application/vnd.oci.image.manifest.v1+json";
inline constexpr const char* kConfigType = "application/vnd.oci.image.config.v1+json";

/// The errnos of promise 9 (DEC-6) for what a source can fail with.
inline const std::vector<std::pair<Errc, int>> kSourceErrors = {
    {Errc::denied, EACCES},          {Errc::rate_limited, EAGAIN}, {Errc::unavailable, ETIMEDOUT},
    {Errc::timed_out, ETIMEDOUT},    {Errc::corrupt, EIO},         {Errc::too_large, EFBIG},
    {Errc::unsupported, EOPNOTSUPP}, {Errc::untrusted, ETIMEDOUT}};

/// A good image and one that a test makes bad.
struct Pair {
  Pair() {
    set.tag("good", good.manifest);
    set.tag("bad", bad.manifest);
  }

  /// The good one reads as ever, and nothing wrong is in the cache.
  void expect_sound(Served& served) const {
    served.names("tags/good/layers");
    EXPECT_EQ(served.read("diffs/" + good.diff_ids[0].str()).text,
              test::tar({{.name = "good", .content = "good"}}));
    EXPECT_EQ(served.read("blobs/" + good.layers[0].digest.str()).text,
              set.objects().at(good.layers[0].digest).bytes);
    served.expect_sound_cache();
  }

  [[nodiscard]] const std::string& bytes(const Descriptor& descriptor) const {
    return set.objects().at(descriptor.digest).bytes;
  }
  [[nodiscard]] std::string blob() const { return "blobs/" + bad.layers[0].digest.str(); }
  [[nodiscard]] std::string diff() const { return "diffs/" + bad.diff_ids[0].str(); }

  ObjectSet set;
  Image good = add_image(set, {test::gzip_layer({{.name = "good", .content = "good"}})});
  Image bad = add_image(set, {test::gzip_layer({{.name = "bad", .content = test::noise(200000)}})});
};

}  // namespace digestfs::fs
