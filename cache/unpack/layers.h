// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/digest.h"
#include "base/error.h"
#include "base/guarded.h"

namespace digestfs::cache {

/// What a layer really unpacks to, whatever its config says.
struct ActualDiff {
  Digest digest;
  std::uint64_t size;
};

/// Which layers unpack to which diffs: what configs say, and what was found. Several layers may be
/// said to unpack to one diff, because they are compressed differently or because a config lies.
/// The first layer that really does is good for all. Safe for concurrent use.
class Layers {
 public:
  /// Adds that `layer` is said to unpack to `diff`. Returns false if that was known.
  bool meet(const Digest& diff, const Digest& layer);
  /// Adds that `layer` unpacks to `actual`.
  void set_actual(const Digest& layer, const ActualDiff& actual);
  /// Adds that `layer` can never be unpacked, because its bytes are what they are.
  void set_undecodable(const Digest& layer, const Error& why);

  /// Returns the layers that are said to unpack to `diff`, in the order in which they were met.
  [[nodiscard]] std::vector<Digest> of(const Digest& diff) const;
  [[nodiscard]] std::optional<Digest> first_of(const Digest& diff) const;

  /// Returns the diff that `layer` was found to unpack to, or else the first that it is said to.
  [[nodiscard]] std::optional<Digest> diff_of(const Digest& layer) const;
  /// Returns what `layer` unpacks to if that is known and is not `diff`. Digests of different
  /// algorithms cannot be compared, so then there is nothing to return.
  [[nodiscard]] std::optional<ActualDiff> other_than(const Digest& diff, const Digest& layer) const;
  [[nodiscard]] std::optional<Error> undecodable(const Digest& layer) const;

 private:
  struct Layer {
    // One image can say that a layer unpacks to each of a hundred thousand diffs.
    std::unordered_set<Digest> diffs;
    std::optional<Digest> first_diff;
    std::optional<ActualDiff> actual;
    std::optional<Error> undecodable;
  };
  struct Known {
    std::unordered_map<Digest, std::vector<Digest>> by_diff;  ///< each layer once
    std::unordered_map<Digest, Layer> by_layer;
  };

  Guarded<Known> known_;
};

}  // namespace digestfs::cache
