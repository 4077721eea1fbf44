// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "base/digest.h"
#include "cache/open/block_sums.h"
#include "cache/problems.h"
#include "cache/store.h"

namespace digestfs::cache {

/// The sums of objects' blocks as the cache keeps them from one mount to the next
/// (cache/disk/hints.h). Safe for concurrent use.
class KeptSums {
 public:
  KeptSums(const Store& store, Problems& problems) : store_(store), problems_(problems) {}

  /// Returns the sums of `object`, an open file of the cache of `size` bytes that should be
  /// `digest`. Returns nothing if none are kept that fit.
  [[nodiscard]] std::optional<BlockSums> find(const Digest& digest, int object,
                                              std::uint64_t size) const;

  /// Keeps the `sums` of `object`, which hashed to `digest`. If those that were kept are damaged,
  /// reports that.
  void keep(const Digest& digest, int object, const BlockSums& sums) const;

 private:
  struct Found;
  [[nodiscard]] Found read(const Digest& digest, int object, std::uint64_t size) const;

  // Constant after construction.
  const Store& store_;
  Problems& problems_;
};

}  // namespace digestfs::cache
