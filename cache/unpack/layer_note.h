// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "base/digest.h"
#include "cache/store.h"
#include "cache/unpack/layer_pass.h"

// The note `layers/<alg>-<hex>.json` of a layer, which tells a later mount the size of its diff.

namespace digestfs::cache {

/// Notes that `layer` unpacks to `diff`, and what it was found to be.
void write_layer_note(const Store& store, const Digest& layer, const Digest& diff,
                      const LayerContent& content);

/// Returns the size of `diff` as the note of `layer` has it. Returns nothing if there is no note of
/// the two, or none that can be used.
[[nodiscard]] std::optional<std::uint64_t> read_layer_note(const Store& store, const Digest& layer,
                                                           const Digest& diff);

}  // namespace digestfs::cache
