// SPDX-License-Identifier: Apache-2.0
#include "registry/image/referrers.h"

#include <string>

#include <gtest/gtest.h>

namespace digestfs::registry {
namespace {

Digest digest(const std::string& text) { return Digest::parse(text).value(); }

TEST(Referrers, L7HaveAFallbackTagOfWhatATagMayHold) {  // EP-12
  const std::string hex64(64, 'a');
  EXPECT_EQ(fallback_tag(digest("sha256:" + hex64)), "sha256-" + hex64);
  EXPECT_EQ(fallback_tag(digest("sha512:" + std::string(128, 'a'))), "sha512-" + hex64);
  EXPECT_EQ(fallback_tag(digest("x+y.z:a=b")), "x-y.z-a-b");
}

TEST(Referrers, OfCosignHaveThreeTags) {  // EP-13
  const std::string stem = "sha256-" + std::string(64, 'a');
  EXPECT_EQ(cosign_tags(digest("sha256:" + std::string(64, 'a'))),
            (std::array<std::string, 3>{stem + ".sig", stem + ".att", stem + ".sbom"}));
}

TEST(Referrers, OfBuildKitAreMarkedInTheIndex) {  // MT-8
  const std::string image = "sha256:" + std::string(64, 'b');
  Descriptor descriptor{.digest = digest("sha256:" + std::string(64, 'a'))};
  EXPECT_FALSE(is_attestation(descriptor));
  descriptor.annotations["vnd.docker.reference.digest"] = image;
  EXPECT_FALSE(attested(descriptor));
  descriptor.annotations["vnd.docker.reference.type"] = "attestation-manifest";
  EXPECT_TRUE(is_attestation(descriptor));
  EXPECT_EQ(attested(descriptor), digest(image));
  descriptor.annotations["vnd.docker.reference.digest"] = "../../etc";
  EXPECT_TRUE(is_attestation(descriptor));
  EXPECT_FALSE(attested(descriptor));
}

}  // namespace
}  // namespace digestfs::registry
