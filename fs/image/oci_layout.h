// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "fs/image/image_context.h"
#include "fs/node.h"
#include "registry/image/descriptor.h"

// Views that are OCI image layouts (image-spec image-layout.md), so that other tools read from the
// mount what they would read from the registry: `oci-layout`, `index.json`, `blobs/<alg>/<hex>`.

namespace digestfs::fs {

/// What `blobs/` of a layout shows.
struct LayoutBlobs {
  /// Returns all of them.
  std::function<std::vector<Digest>(const Patience&)> list;
  /// Returns true if there is a blob that the list leaves out.
  std::function<bool(const Digest&, const Patience&)> has;
  /// Grows with each change of the list; 0 for a list that never changes.
  std::function<std::int64_t()> version;

  [[nodiscard]] Attributes attributes() const;
};

/// An entry of a layout's index: what it leads to, and the tag that it has, if any.
struct LayoutEntry {
  registry::Descriptor descriptor;
  std::optional<std::string> tag = {};
};

/// Returns the text of an `index.json` with `entries`, in their order.
[[nodiscard]] std::string layout_index(const std::vector<LayoutEntry>& entries);

/// Returns the descriptor of an index or manifest that was read. `hint` is the media type by which
/// it was referred to, or empty.
[[nodiscard]] registry::Descriptor describe(const cache::Content& content, const Digest& digest,
                                            const std::string& hint, const Document& document);

/// Returns the entries `oci-layout` and `blobs` of the layout whose inodes begin with `key`.
[[nodiscard]] std::vector<Entry> layout_entries(const ImageContext& context, const std::string& key,
                                                const LayoutBlobs& blobs);

/// Returns `oci/` of an image directory: complete, with all that the image consists of. `path` is
/// that of the image directory; `tag` is what its index calls it.
[[nodiscard]] const Directory* image_layout(const ImageContext& context, const std::string& path,
                                            const Digest& digest, const std::string& hint,
                                            const Document& document,
                                            const std::optional<std::string>& tag);

}  // namespace digestfs::fs
