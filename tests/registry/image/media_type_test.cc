// SPDX-License-Identifier: Apache-2.0
#include "registry/image/media_type.h"

#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace digestfs::registry {
namespace {

TEST(MediaType, AnnouncesAClassOfDocument) {  // MT-1
  for (const auto& [type, expected] : std::vector<std::pair<std::string, DocumentClass>>{
           {"application/vnd.oci.image.index.v1+json", DocumentClass::index},
           {"application/vnd.docker.distribution.manifest.list.v2+json", DocumentClass::index},
           {"application/vnd.oci.image.manifest.v1+json", DocumentClass::manifest},
           {"application/vnd.docker.distribution.manifest.v2+json", DocumentClass::manifest},
           {"application/vnd.oci.artifact.manifest.v1+json", DocumentClass::manifest},
           {"application/vnd.docker.distribution.manifest.v1+prettyjws", DocumentClass::schema1},
           {"application/vnd.docker.distribution.manifest.v1+json", DocumentClass::schema1},
           {"application/vnd.oci.image.config.v1+json", DocumentClass::config},
           {"application/vnd.docker.container.image.v1+json", DocumentClass::config},
           // Its JSON is no image config.
           {"application/vnd.docker.plugin.v1+json", DocumentClass::other},
           {"application/vnd.oci.empty.v1+json", DocumentClass::other},
           {"application/vnd.oci.image.layer.v1.tar+gzip", DocumentClass::other},
           {"application/vnd.oci.image.manifest.v2+json", DocumentClass::other},
           {"application/json", DocumentClass::other},
           {"text/html", DocumentClass::other},
           {"", DocumentClass::other},
       }) {
    EXPECT_EQ(document_class(type), expected) << type;
  }
}

TEST(MediaType, M4IsTheSameWithParametersAndInAnyCase) {  // EP-2
  for (const std::string type : {"application/vnd.oci.image.manifest.v1+json; charset=utf-8",
                                 "application/vnd.oci.image.manifest.v1+json;charset=utf-8",
                                 "  application/vnd.oci.image.manifest.v1+json\t",
                                 "Application/Vnd.OCI.Image.Manifest.V1+JSON",
                                 "application/vnd.oci.image.manifest.v1+json ;"}) {
    EXPECT_EQ(bare_media_type(type), "application/vnd.oci.image.manifest.v1+json") << type;
    EXPECT_EQ(document_class(type), DocumentClass::manifest) << type;
  }
  EXPECT_EQ(bare_media_type(""), "");
  EXPECT_EQ(bare_media_type(" \t "), "");
  EXPECT_EQ(bare_media_type("; charset=utf-8"), "");
}

TEST(MediaType, TellsAnEncryptedLayer) {  // DEC-h
  EXPECT_TRUE(is_encrypted("application/vnd.oci.image.layer.v1.tar+gzip+encrypted"));
  EXPECT_TRUE(is_encrypted("application/vnd.oci.image.layer.v1.tar+encrypted; x=y"));
  EXPECT_TRUE(is_encrypted("application/vnd.oci.image.layer.v1.tar+Encrypted"));
  EXPECT_FALSE(is_encrypted("application/vnd.oci.image.layer.v1.tar+gzip"));
  EXPECT_FALSE(is_encrypted("application/encrypted"));
  EXPECT_FALSE(is_encrypted(""));
}

}  // namespace
}  // namespace digestfs::registry
