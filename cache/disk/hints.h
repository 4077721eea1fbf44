// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "cache/disk/directory.h"

// What is kept beside an object, in files that are named like it: `used/`, `sums/` and `trees/`.
// Nobody needs them; they save work. They go when the object goes.

namespace digestfs::cache {

/// A file beside an object that is made of what the object contains. It is replaced as a whole, and
/// made anew if it cannot be used.
enum class Hint {
  sums,  ///< the sums of its blocks (cache/open/block_sums.h)
  tree,  ///< of a layer's tar: the tree of its files (fs/tree/kept_tree.h)
};

/// Returns where the hint of an object is in the cache's folder.
[[nodiscard]] std::string hint_path(Hint hint, const Digest& digest);

/// Returns how many bytes the files beside an object have. `name` is the object's name in its area,
/// `<alg>/<hex>`.
[[nodiscard]] std::uint64_t bytes_beside(const Directory& directory, std::string_view name);

/// Removes the files beside an object, unless some area still has the object.
void remove_beside(const Directory& directory, std::string_view name);

/// Removes the files beside objects that are gone: a user has removed them. Files that are younger
/// than a minute stay, because their objects may be about to get their names. Leaves the rest for
/// the next time on `stop`.
void remove_orphans(const Directory& directory, const std::stop_token& stop);

}  // namespace digestfs::cache
