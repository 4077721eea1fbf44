// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/sink.h"
#include "cache/store.h"

namespace digestfs::cache {

/// Writes to a partial file, and reserves room on the disk before it writes. `partial` must outlive
/// the sink.
class DiskSink final : public ByteSink {
 public:
  DiskSink(const Store& store, Partial& partial) : store_(store), partial_(partial) {}

  /// Reserves room for the `bytes` that are to come. Throws ENOSPC if they do not fit: what cannot
  /// be kept in the end is not begun, at the cost of what is kept.
  void expect(std::uint64_t bytes);

  void write(std::span<const std::byte> bytes) override;

 private:
  const Store& store_;
  Partial& partial_;
  std::uint64_t reserved_ = 0;
  std::optional<std::uint64_t> to_come_;
};

}  // namespace digestfs::cache
