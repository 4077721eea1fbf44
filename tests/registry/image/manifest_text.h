// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/text.h"
#include "registry/image/manifest.h"
#include "registry/image/media_type.h"

// Manifests as text, for the tests of what is read of them.

namespace digestfs::registry {

inline std::string digest(char c) { return "sha256:" + std::string(64, c); }

/// A descriptor; `more` is further members with a comma before them.
inline std::string descriptor(char c, std::string_view type, std::string_view more = "") {
  return str_cat(R"({"mediaType":")", type, R"(","digest":")", digest(c), R"(","size":7)", more,
                 "}");
}

constexpr std::string_view kLayer = "application/vnd.oci.image.layer.v1.tar+gzip";

inline std::string config() { return R"("config":)" + descriptor('c', media_type::kOciConfig); }
inline std::string layers() { return R"("layers":[)" + descriptor('1', kLayer) + "]"; }
inline std::string manifests() {
  return R"("manifests":[)" + descriptor('a', media_type::kOciManifest) + "]";
}
inline std::string typed(std::string_view type) { return str_cat(R"("mediaType":")", type, "\""); }

inline std::string document(const std::vector<std::string>& members, int version = 2) {
  std::string text = str_cat(R"({"schemaVersion":)", version);
  for (const std::string& member : members) text += "," + member;
  return text + "}";
}

inline std::string refusal_of(std::string_view bytes, std::string_view hint = {}) {
  try {
    static_cast<void>(parse_manifest(bytes, hint));
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::corrupt);
    EXPECT_STRNE(error.what(), "");
    return error.what();
  }
}

inline std::vector<std::string> digests_of(const std::vector<std::optional<Descriptor>>& list) {
  std::vector<std::string> digests;
  for (const auto& entry : list) digests.push_back(entry ? entry->digest.str() : "");
  return digests;
}

inline std::vector<std::string> digests_of(const std::vector<Descriptor>& list) {
  std::vector<std::string> digests;
  for (const auto& entry : list) digests.push_back(entry.digest.str());
  return digests;
}

}  // namespace digestfs::registry
