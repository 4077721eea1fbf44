// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "archive/pax.h"
#include "archive/tar_header.h"

// The sparse formats of GNU tar that pax headers announce, as Go's archive/tar reads them (TAR-9).

namespace digestfs::archive {

/// The largest long name, extended header or sparse map, in bytes (TAR-4).
inline constexpr std::size_t kMaxTarSpecial = std::size_t{1} << 20U;
inline constexpr std::size_t kMaxSparseRuns = kMaxTarSpecial / sizeof(SparseRun);

/// Where the sparse map of an entry is.
enum class PaxSparse { none, map_in_header, map_in_content };

/// Returns where the records say that the sparse map is.
[[nodiscard]] PaxSparse pax_sparse(const PaxRecords& records);

/// Returns the sparse map that the records contain (formats 0.0 and 0.1), or nothing if it makes no
/// sense.
[[nodiscard]] std::optional<std::vector<SparseRun>> sparse_map_of(const PaxRecords& records);

/// Returns true if the runs are in order, do not overlap and lie within `size`.
[[nodiscard]] bool is_valid_map(const std::vector<SparseRun>& runs, std::uint64_t size);

/// Reads the sparse map that the content of a file of format 1.0 begins with: decimal numbers, one
/// a line, in whole blocks. The first number is the number of runs; their offsets and lengths
/// follow.
class SparseMapText {
 public:
  enum class State { incomplete, complete, defective };

  /// Takes the next block of the map.
  State take(const TarBlock& block);
  /// Returns the runs of a complete map.
  [[nodiscard]] std::vector<SparseRun> runs() const;
  /// Says why the map is defective.
  [[nodiscard]] const std::string& defect() const noexcept { return defect_; }

 private:
  [[nodiscard]] bool is_complete() const noexcept { return wanted_ && numbers_.size() == *wanted_; }
  /// Takes the number of a line that has ended; returns false if it makes no sense.
  bool take_line();

  std::string line_;
  std::optional<std::uint64_t> wanted_;  ///< how many numbers there are after the first
  std::vector<std::int64_t> numbers_;
  std::string defect_;
};

}  // namespace digestfs::archive
