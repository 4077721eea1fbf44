// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/digest.h"
#include "cache/content.h"
#include "fs/fact_names.h"
#include "fs/node.h"
#include "registry/image/descriptor.h"

// Metadata as extended attributes: what fills the names of fs/fact_names.h.

namespace digestfs::fs {

/// Returns facts of an object's content, and how much of it is in the cache. `media_type` is what
/// the content itself says, or empty if it says nothing or was not read.
[[nodiscard]] Xattrs content_facts(const cache::Content& content, const Digest& digest,
                                   const std::string& media_type);

/// Returns what a descriptor says.
[[nodiscard]] Xattrs descriptor_facts(const registry::Descriptor& descriptor);

/// Adds the annotations to `facts`, except for those that it has already, and for keys and values
/// that the kernel would refuse.
void add_annotations(Xattrs& facts, const registry::Annotations& annotations);

}  // namespace digestfs::fs
