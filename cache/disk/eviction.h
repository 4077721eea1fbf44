// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "cache/disk/directory.h"

namespace digestfs::cache {

/// How much of the disk a cache may take.
struct EvictionLimits {
  /// Bound on blobs, diffs, what is kept beside them, and partial files, in bytes; the least
  /// recently used go first.
  std::uint64_t size = 0;
  /// Bound on what is in quarantine, in bytes; the oldest go first.
  std::uint64_t quarantine = 0;
  /// Part of the disk that stays free, in percent.
  unsigned free_percent = 0;
};

/// Throws files out of a cache to keep its bounds. Every decision looks at the folder anew, so that
/// the bounds hold for all processes on one cache together. A file that is in use by any process
/// (lock.h) stays, because removing it would free nothing; a file that is not named like an object
/// stays, because somebody else has put it there. Safe for concurrent use.
class Eviction {
 public:
  Eviction(const Directory& directory, const EvictionLimits& limits)
      : directory_(directory), limits_(limits) {}

  /// Keeps the bound on the size after `bytes` were added. Cheap while there is much room left.
  void make_room_after(std::uint64_t bytes) const;

  /// Keeps the bounds, and removes what a killed process has left and no later one can go on with.
  /// Leaves the rest for the next time on `stop`.
  void tidy(const std::stop_token& stop) const;

  /// Keeps the bound on what is in quarantine so that `bytes` can be added.
  void make_room_in_quarantine(std::uint64_t bytes) const;

  /// Returns whether `bytes` more can be written without anything being thrown out. Cheap.
  [[nodiscard]] bool has_room(std::uint64_t bytes) const { return missing_for(bytes) == 0; }

  /// Throws ENOSPC where `bytes` more would leave less of the disk free than the limits say, and
  /// throwing everything else out would not help. Then nothing is thrown out, as far as that can be
  /// told beforehand. Cheap; to be called every few MiB.
  void reserve(std::uint64_t bytes) const;

 private:
  struct Candidate;
  [[nodiscard]] std::vector<Candidate> candidates_in(const std::vector<std::string>& folders) const;
  [[nodiscard]] std::uint64_t missing_for(std::uint64_t bytes) const;
  void keep_size() const;
  void evict(std::vector<Candidate> candidates, std::uint64_t most_left,
             std::uint64_t wanted_free) const;
  [[nodiscard]] bool remove_unused(const Candidate& candidate) const;
  void remove_drafts_in(const std::string& folder) const;

  // Constant after construction.
  const Directory& directory_;
  EvictionLimits limits_;
  // Synchronises itself: what may be added before the folder has to be looked at again.
  mutable std::atomic<std::int64_t> headroom_{0};
};

}  // namespace digestfs::cache
