// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <unordered_set>
#include <vector>

#include "base/digest.h"
#include "base/guarded.h"

namespace digestfs::fs {

/// The digests of one kind that this mount has met. Safe for concurrent use.
class DigestSet {
 public:
  void add(const Digest& digest) {
    const auto members = members_.lock();
    if (members->known.insert(digest).second) {
      members->in_order.push_back(digest);
      ++members->version;
    }
  }
  /// Removes a digest that turned out to be of another kind.
  void remove(const Digest& digest) {
    const auto members = members_.lock();
    if (members->known.erase(digest) > 0) {
      std::erase(members->in_order, digest);
      ++members->version;
    }
  }
  [[nodiscard]] bool contains(const Digest& digest) const {
    return members_.lock()->known.contains(digest);
  }
  /// Returns all of them, in the order in which they were met.
  [[nodiscard]] std::vector<Digest> all() const { return members_.lock()->in_order; }
  /// Grows with every change.
  [[nodiscard]] std::int64_t version() const { return members_.lock()->version; }

 private:
  struct Members {
    std::unordered_set<Digest> known;
    std::vector<Digest> in_order;
    std::int64_t version = 1;
  };

  Guarded<Members> members_;
};

}  // namespace digestfs::fs
