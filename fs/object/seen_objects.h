// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <unordered_set>
#include <vector>

#include "base/digest.h"
#include "fs/object/digest_set.h"

namespace digestfs::fs {

/// The kinds of objects, as the folders of a repository name them.
enum class ObjectKind : std::uint8_t { indexes, manifests, configs, blobs, diffs };

/// The objects that this mount has met, by kind: what `indexes/`, `manifests/`, `configs/`,
/// `blobs/` and `diffs/` list. Only what a document names or the source was found to have is added,
/// so the documents of the source bound it. Safe for concurrent use.
class SeenObjects {
 public:
  [[nodiscard]] DigestSet& of(ObjectKind kind) { return sets_[static_cast<std::size_t>(kind)]; }
  [[nodiscard]] const DigestSet& of(ObjectKind kind) const {
    return sets_[static_cast<std::size_t>(kind)];
  }

  /// Returns true if a document named the object, as whatever kind. A diff is no object of a
  /// source.
  [[nodiscard]] bool contains(const Digest& digest) const {
    return std::ranges::any_of(kStored,
                               [&](const ObjectKind kind) { return of(kind).contains(digest); });
  }
  /// Returns all objects as the source stores them, each once.
  [[nodiscard]] std::vector<Digest> all_stored() const {
    std::unordered_set<Digest> seen;
    std::vector<Digest> all;
    for (const ObjectKind kind : kStored) {
      for (const Digest& digest : of(kind).all()) {
        if (seen.insert(digest).second) all.push_back(digest);
      }
    }
    return all;
  }
  /// Grows with each change of what `all_stored` returns.
  [[nodiscard]] std::int64_t version() const {
    std::int64_t version = 0;
    for (const ObjectKind kind : kStored) version += of(kind).version();
    return version;
  }

 private:
  static constexpr std::array kStored = {ObjectKind::indexes, ObjectKind::manifests,
                                         ObjectKind::configs, ObjectKind::blobs};

  // Synchronise themselves.
  std::array<DigestSet, 5> sets_;
};

}  // namespace digestfs::fs
