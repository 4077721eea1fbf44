// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "base/digest.h"
#include "base/guarded.h"
#include "cache/store.h"

namespace digestfs::cache {

/// The objects that are in quarantine because of this mount.
struct Quarantined {
  std::vector<Digest> digests;  ///< their true digests, the latest last
  std::int64_t version = 0;     ///< changes whenever an object comes or goes
};

/// Keeps what came instead of what was promised, under its true digest (promise 3). Safe for
/// concurrent use.
class Quarantine {
 public:
  explicit Quarantine(const Store& store) : store_(store) {}

  /// Keeps `partial`, whose bytes are `actual`. Returns false if they are too many to be kept.
  bool keep(Partial partial, const Digest& actual);

  /// Returns what this mount put into quarantine and is still there.
  [[nodiscard]] Quarantined list() const;

 private:
  const Store& store_;
  Guarded<Quarantined> kept_;  ///< includes what is gone by now
};

}  // namespace digestfs::cache
