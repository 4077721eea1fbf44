// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "cache/disk/directory.h"
#include "tools/companions/cache/cached_object.h"

namespace digestfs::companions {

/// What the notes of a cache, and its small objects themselves, say about its objects. Notes are
/// hints: everything here may be wrong.
class KnownFacts {
 public:
  /// Reads the notes.
  explicit KnownFacts(const cache::Directory& directory);

  /// Returns what `object` is, in a few words: `manifest linux/amd64, quay.io/a/b:v1`. Returns an
  /// empty text if nothing is known.
  [[nodiscard]] std::string describe(const CachedObject& object) const;

 private:
  void read_layers();
  void read_tags();
  [[nodiscard]] std::string kind_of(const CachedObject& object) const;

  // Constant after construction.
  const cache::Directory& directory_;
  std::map<std::string, std::string> kinds_;              ///< by digest: what layer notes say
  std::map<std::string, std::vector<std::string>> tags_;  ///< by digest: `REPOSITORY:TAG`
};

}  // namespace digestfs::companions
