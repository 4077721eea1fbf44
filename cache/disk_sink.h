// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/sink.h"
#include "cache/store.h"

namespace digestfs::cache {

/// What becomes of other objects while a file is written whose size nobody has given.
enum class Unsized {
  evicts,  ///< They are thrown out as the file grows.
  asks,    ///< They stay: `SizeWanted` is thrown as soon as the disk has no room left.
};

/// Thrown when a file can go on only at the cost of other objects, and nobody knows its size. A
/// file that will not fit in the end must not empty the cache first.
struct SizeWanted {};

/// Writes a row of bytes to a partial file, and reserves room on the disk before it writes. Several
/// sinks may write to one file at once, each its own row. `partial` must outlive the sink. Whoever
/// hashes the file meanwhile sends it to the disk (`WrittenFile`): that keeps a thread waiting,
/// which should not be the one that receives.
class DiskSink final : public ByteSink {
 public:
  /// The row begins at byte `at` of the file.
  DiskSink(const Store& store, Partial& partial, std::uint64_t at,
           Unsized unsized = Unsized::evicts)
      : store_(store), partial_(partial), unsized_(unsized), at_(at) {}

  /// Begins another row at byte `at`.
  void go_to(std::uint64_t at) noexcept { at_ = at; }

  /// Reserves room for the `bytes` that are to come. Throws ENOSPC if they do not fit: what cannot
  /// be kept in the end is not begun, at the cost of what is kept.
  void expect(std::uint64_t bytes);

  void write(std::span<const std::byte> bytes) override;

 private:
  const Store& store_;
  Partial& partial_;
  Unsized unsized_;
  std::uint64_t at_;
  std::uint64_t reserved_ = 0;
  std::optional<std::uint64_t> to_come_;
};

}  // namespace digestfs::cache
