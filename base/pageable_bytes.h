// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include "base/handle.h"

namespace digestfs {

/// Many bytes that can be moved from memory into a file while others read them, at the same
/// addresses. From then on they take memory only while somebody reads them. The bytes are filled by
/// one thread, and do not change afterwards.
class PageableBytes {
 public:
  /// Makes `size` bytes, which are zero. Throws `std::bad_alloc`.
  explicit PageableBytes(std::size_t size);
  PageableBytes(const PageableBytes&) = delete;
  PageableBytes& operator=(const PageableBytes&) = delete;
  ~PageableBytes();

  /// The bytes, to be filled before others read them and before they are moved.
  [[nodiscard]] std::span<std::byte> to_fill() noexcept { return bytes_; }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }

  /// Returns true if the bytes were moved into a file.
  [[nodiscard]] bool are_in_file() const noexcept { return are_in_file_; }

  /// Moves the bytes into `file`, which is empty, open for reading and writing, and nobody else's.
  /// The bytes are on the disk before they leave the memory, so that nothing but a disk that fails
  /// later can take them away; then whoever reads them gets SIGBUS. Throws `std::system_error`
  /// where the file cannot take them, and leaves them where they are. (A kernel without memory for
  /// a few hundred bytes could lose them in the last step, and the process ends then.)
  ///
  /// One thread at a time may call this and `let_go`. Others may read meanwhile.
  void move_to(const UniqueFd& file);

  /// Gives back the memory of bytes that are in a file. Whoever reads them has the system bring
  /// them again.
  void let_go() const noexcept;

 private:
  // Constant after construction.
  std::span<std::byte> bytes_;
  // Only of the thread that moves them.
  bool are_in_file_ = false;
};

}  // namespace digestfs
