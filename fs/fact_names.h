// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>

// The names of the extended attributes that digestfs shows, and how it spells a layer's number.

namespace digestfs::fs {

inline constexpr const char* kFactDigest = "user.oci.digest";
inline constexpr const char* kFactSize = "user.oci.size";
inline constexpr const char* kFactMediaType = "user.oci.mediaType";
inline constexpr const char* kFactArtifactType = "user.oci.artifactType";
inline constexpr const char* kFactDiffId = "user.oci.diffID";
inline constexpr const char* kFactState = "user.digestfs.state";
inline constexpr const char* kFactFetched = "user.digestfs.fetched";
inline constexpr const char* kFactSizeKind = "user.digestfs.size";
inline constexpr const char* kFactLayer = "user.digestfs.layer";
inline constexpr const char* kFactMade = "user.digestfs.made";
inline constexpr const char* kFactStale = "user.digestfs.stale";

/// Returns the number of a layer as in `layers/NN`: as many digits as the last of `count` layers
/// needs, and at least two.
[[nodiscard]] inline std::string layer_name(std::size_t index, std::size_t count) {
  const std::size_t width = std::max<std::size_t>(2, std::to_string(count - 1).size());
  const std::string digits = std::to_string(index);
  return std::string(width - digits.size(), '0') + digits;
}

}  // namespace digestfs::fs
