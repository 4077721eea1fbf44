// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/lasting_sum.h"

namespace digestfs::cache {

/// The sums of the blocks of an object that hashed to its name. With them, a later mount can check
/// a block without hashing the whole object. They are kept in `sums/<alg>/<hex>`, as a hint:
///
///     digestfs sums 1 <digest of the object> <its size>, and the end of the line
///     for each block the 16 bytes of its `LastingSum`
///     the 16 bytes of the `LastingSum` of all that stands before it
///
/// Each format begins with its version and ends with that sum, whatever is between them. So a
/// damaged byte of the version is not taken for another version.
class BlockSums {
 public:
  /// The size of each block but the last one, in bytes.
  static constexpr std::uint64_t kBlock = std::uint64_t{256} << 10U;
  /// The most that the file of an object may have, in bytes: enough for 1 TiB.
  static constexpr std::size_t kMaxText = std::size_t{64} << 20U;

  /// `sums` has one sum for each block of an object of `size` bytes.
  BlockSums(std::uint64_t size, std::vector<LastingSum::Value> sums)
      : size_(size), sums_(std::move(sums)) {}

  /// Returns the sums that `text`, the content of such a file, has for the `object` of `size`
  /// bytes. Returns nothing if it has none: if anything in it is not as it was written.
  [[nodiscard]] static std::optional<BlockSums> parse(std::string_view text, const Digest& object,
                                                      std::uint64_t size);
  /// Returns true if nobody has written `text`, the content of such a file, for the `object`: it is
  /// damaged. What another version of this program wrote is not, nor the sums of another size, if
  /// it ends with its own sum.
  [[nodiscard]] static bool is_damaged(std::string_view text, const Digest& object);
  /// Returns the content of the file of `object`.
  [[nodiscard]] std::string text(const Digest& object) const;

  /// Returns the size of the object.
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  /// Returns how many blocks the object has.
  [[nodiscard]] std::size_t count() const noexcept { return sums_.size(); }
  /// Returns how many bytes the block `number` has.
  [[nodiscard]] std::size_t length(std::size_t number) const noexcept {
    return static_cast<std::size_t>(std::min(kBlock, size_ - number * kBlock));
  }
  /// Returns true if `bytes` are those of the block `number`.
  [[nodiscard]] bool matches(std::size_t number, std::span<const std::byte> bytes) const noexcept {
    return LastingSum::of(bytes) == sums_[number];
  }

  friend bool operator==(const BlockSums&, const BlockSums&) = default;

 private:
  std::uint64_t size_;
  std::vector<LastingSum::Value> sums_;
};

/// Makes the sums of the blocks of an object whose bytes pass by.
class BlockSummer {
 public:
  void update(std::span<const std::byte> bytes);
  /// Returns the sums of all blocks. Call once.
  [[nodiscard]] BlockSums finish();

 private:
  LastingSum sum_;
  std::uint64_t size_ = 0;
  std::vector<LastingSum::Value> sums_;
};

}  // namespace digestfs::cache
