// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/fingerprint.h"
#include "cache/open/block_sums.h"

namespace digestfs::cache {

/// The blocks of one file of the cache: their sums, and which of them this mount has found to
/// match. What is found holds for as long as the file has the same fingerprint. Safe for concurrent
/// use.
class CheckedBlocks {
 public:
  CheckedBlocks(BlockSums sums, const Fingerprint& fingerprint)
      : sums_(std::move(sums)), fingerprint_(fingerprint), checked_(sums_.count() / kBits + 1) {}

  [[nodiscard]] const BlockSums& sums() const noexcept { return sums_; }
  [[nodiscard]] const Fingerprint& fingerprint() const noexcept { return fingerprint_; }

  [[nodiscard]] bool is_checked(std::size_t block) const noexcept {
    return (checked_[block / kBits].load(std::memory_order_relaxed) & bit(block)) != 0;
  }
  /// Notes that the block matched, in a file that had the fingerprint before and after.
  void set_checked(std::size_t block) noexcept {
    checked_[block / kBits].fetch_or(bit(block), std::memory_order_relaxed);
  }

  /// Says that a block did not match, or could not be read: all of the file has to be hashed.
  void give_up() noexcept { has_given_up_ = true; }
  [[nodiscard]] bool has_given_up() const noexcept { return has_given_up_; }

 private:
  static constexpr std::size_t kBits = 64;
  [[nodiscard]] static std::uint64_t bit(std::size_t block) noexcept {
    return std::uint64_t{1} << (block % kBits);
  }

  // Constant after construction.
  BlockSums sums_;
  Fingerprint fingerprint_;
  // Synchronise themselves.
  std::vector<std::atomic<std::uint64_t>> checked_;
  std::atomic<bool> has_given_up_{false};
};

}  // namespace digestfs::cache
