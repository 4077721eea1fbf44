// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/digest.h"

// What containers/storage says of its layers in `layers.json` (LOC-4).

namespace digestfs::registry {

/// A layer of the store: the files that one layer of an image changes.
struct LayerRecord {
  std::string id;
  std::string parent;                 ///< The ID of the layer below; empty for the lowest.
  std::optional<Digest> diff;         ///< Its diff_id. The store may not know it.
  std::optional<Digest> claimed;      ///< The diff_id that an image claims of it; not checked.
  std::optional<std::uint64_t> size;  ///< The size of the diff.
  std::optional<Digest> compressed;   ///< The digest of the blob that the layer was made of.
};

/// The layers by their IDs.
using LayerRecords = std::unordered_map<std::string, LayerRecord>;

/// Adds the records of `layers.json` to `records`. Leaves out those that cannot be used, and layers
/// that are not yet complete. Throws `Errc::corrupt` if the text is no list of records.
void add_layer_records(LayerRecords& records, std::string_view text);

}  // namespace digestfs::registry
