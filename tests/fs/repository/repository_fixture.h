// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "tests/support/served.h"

// What the tests of a repository share: images and indexes made by hand.

namespace digestfs::fs {

using registry::Descriptor;
using registry::Endpoint;
using test::Image;
using test::MountSettings;
using test::ObjectSet;
using test::Served;

using Names = std::set<std::string>;

inline constexpr const char* kManifestType = "application/vnd.oci.image.manifest.v1+json";
inline constexpr const char* kIndexType = "application/vnd.oci.image.index.v1+json";
inline constexpr const char* kConfigType = "application/vnd.oci.image.config.v1+json";

inline const std::string kNowhere = "sha256:" + std::string(64, '0');

inline std::string hyphenated(const Digest& digest) {
  std::string text = digest.str();
  text[text.find(':')] = '-';
  return text;
}

inline Image two_layers(ObjectSet& set, const std::string& architecture = "amd64") {
  return add_image(set,
                   {test::gzip_layer({{.name = "base", .content = architecture}}),
                    test::zstd_layer({{.name = "top", .content = architecture + "!"}})},
                   architecture);
}

/// An entry of an index; `rest` are further members, each with a comma before it.
inline std::string index_entry(const std::string& digest, const std::string& rest = {}) {
  return std::string(R"({"mediaType":")") + kManifestType + R"(","digest":")" + digest +
         R"(","size":2)" + rest + "}";
}

inline std::string platform_member(const std::string& os, const std::string& architecture,
                                   const std::string& variant = {},
                                   const std::string& version = {}) {
  std::string text = R"(,"platform":{"os":")" + os + R"(","architecture":")" + architecture + '"';
  if (!variant.empty()) text += R"(,"variant":")" + variant + '"';
  if (!version.empty()) text += R"(,"os.version":")" + version + '"';
  return text + "}";
}

inline std::string index_of(const std::vector<std::string>& entries) {
  std::string text =
      std::string(R"({"schemaVersion":2,"mediaType":")") + kIndexType + R"(","manifests":[)";
  for (std::size_t i = 0; i < entries.size(); ++i) text += (i > 0 ? "," : "") + entries[i];
  return text + "]}";
}

inline std::string digest_text(char fill) { return "sha256:" + std::string(64, fill); }

}  // namespace digestfs::fs
