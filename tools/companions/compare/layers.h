// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "tools/companions/mount/image.h"

// The layers of two images side by side.

namespace digestfs::companions {

/// How two layers that stand side by side relate.
enum class LayerRelation {
  same,          ///< the same blob
  recompressed,  ///< the same diff in two blobs
  only_a,        ///< B has no such layer here
  only_b,        ///< A has no such layer here
};

[[nodiscard]] std::string_view to_string(LayerRelation relation) noexcept;

/// A line of the comparison: the numbers of the layers in A and B.
struct LayerPair {
  std::optional<std::size_t> a = {};
  std::optional<std::size_t> b = {};
  LayerRelation relation = LayerRelation::same;
};

/// Returns true if both are the same layer: of the same diff, or where a diff is not known, of the
/// same blob.
[[nodiscard]] bool is_same_layer(const Layer& a, const Layer& b);

/// Puts the layers of both images side by side, from the base upwards, so that as many as possible
/// of the same layers are in a line.
[[nodiscard]] std::vector<LayerPair> align_layers(const std::vector<Layer>& a,
                                                  const std::vector<Layer>& b);

/// What the layers of two images have in common.
struct SharedLayers {
  std::size_t base = 0;          ///< how many layers from the base upwards are the same
  std::size_t count = 0;         ///< how many layers are the same
  std::size_t recompressed = 0;  ///< how many of these are stored in two ways
  std::uint64_t bytes = 0;       ///< the sizes of the blobs that both have
};

[[nodiscard]] SharedLayers shared_layers(const std::vector<LayerPair>& pairs,
                                         const std::vector<Layer>& a);

}  // namespace digestfs::companions
