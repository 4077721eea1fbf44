// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "base/digest.h"
#include "cache/content.h"
#include "fs/node.h"
#include "registry/image/descriptor.h"

// Metadata as extended attributes: the names and their values, in one place.

namespace digestfs::fs {

/// Facts of an object's content and of how far it has come. `media_type` is what the content itself
/// says, empty where it is silent or was not read.
[[nodiscard]] Xattrs content_facts(const cache::Content& content, const Digest& digest,
                                   const std::string& media_type);

/// What a descriptor says.
[[nodiscard]] Xattrs descriptor_facts(const registry::Descriptor& descriptor);

/// Adds what `annotations` say. Keys and values the kernel would refuse are left out.
void add_annotations(Xattrs& facts, const registry::Annotations& annotations);

/// The number of a layer as in `layers/NN`: as many digits as the last of `count` needs, and at
/// least two.
[[nodiscard]] std::string layer_name(std::size_t index, std::size_t count);

inline constexpr const char* kFactDigest = "user.oci.digest";
inline constexpr const char* kFactSize = "user.oci.size";
inline constexpr const char* kFactMediaType = "user.oci.mediaType";
inline constexpr const char* kFactArtifactType = "user.oci.artifactType";
inline constexpr const char* kFactDiffId = "user.oci.diffID";
inline constexpr const char* kFactState = "user.digestfs.state";
inline constexpr const char* kFactSizeKind = "user.digestfs.size";
inline constexpr const char* kFactLayer = "user.digestfs.layer";
inline constexpr const char* kFactStale = "user.digestfs.stale";

}  // namespace digestfs::fs
