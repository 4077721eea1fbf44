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

/// Facts of an object's content and of how far it has come. `media_type` is what the content itself
/// says, empty where it is silent or was not read.
[[nodiscard]] Xattrs content_facts(const cache::Content& content, const Digest& digest,
                                   const std::string& media_type);

/// What a descriptor says.
[[nodiscard]] Xattrs descriptor_facts(const registry::Descriptor& descriptor);

/// Adds what `annotations` say. Keys and values the kernel would refuse are left out.
void add_annotations(Xattrs& facts, const registry::Annotations& annotations);

}  // namespace digestfs::fs
