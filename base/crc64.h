// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace digestfs {

/// Computes the CRC-64 of a stream of bytes with the polynomial of ISO 3309, as Go's `hash/crc64`
/// does. It tells an accidental change, and proves nothing.
class Crc64 {
 public:
  void update(std::span<const std::byte> bytes) noexcept;
  /// Returns the checksum of everything so far.
  [[nodiscard]] std::uint64_t value() const noexcept { return ~state_; }

 private:
  std::uint64_t state_ = ~std::uint64_t{0};
};

}  // namespace digestfs
