// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <mutex>
#include <span>

#include "base/handle.h"
#include "base/quick_sum.h"

namespace digestfs {

/// Many bytes that are moved from memory into a file while nobody uses them, and back to the same
/// addresses when somebody does. What comes back is compared with a sum, so that a disk that
/// changes or loses a byte of the file leads to an error. The bytes are filled by one thread, and
/// do not change afterwards.
class PageableBytes {
 public:
  /// Makes `size` bytes, which are zero. Throws `std::bad_alloc`.
  explicit PageableBytes(std::size_t size);
  PageableBytes(const PageableBytes&) = delete;
  PageableBytes& operator=(const PageableBytes&) = delete;
  ~PageableBytes();

  /// The bytes, to be filled before others read them and before they are moved.
  [[nodiscard]] std::span<std::byte> to_fill() noexcept { return bytes_; }
  /// The bytes. Whoever reads them calls `use` first, each time anew.
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }

  /// Says that the caller reads the bytes now, and brings them back if they are out. Throws
  /// `Errc::corrupt` if the file cannot be read, or has other bytes than were written; the next
  /// call of `tidy` allows another attempt. Throws `std::system_error` if there is no memory.
  /// Takes no lock if the bytes were used since `tidy` was called. Safe for concurrent use.
  void use() {
    // Mostly nothing is written, so that readers do not disturb each other.
    if (idle_.load(std::memory_order_acquire) != 0) end_idleness();
  }

  /// Makes a file for that many bytes. It is empty, open for reading and writing, and nobody
  /// else's.
  using MakeFile = std::function<UniqueFd(std::uint64_t)>;

  /// Moves the bytes out when this was called `rounds` times without a use in between. The first
  /// time they are written to a file, which is kept. They are on the disk before they leave the
  /// memory. Throws `std::system_error` where no file takes them, and what `make_file` throws; the
  /// bytes are in memory then, and count as used. (A kernel without memory for a few hundred bytes
  /// could lose them in the last step, and the process ends then.)
  ///
  /// A reader that called `use` just before still sees the bytes: the file is mapped in their
  /// place. One thread at a time may call this. Others may use the bytes meanwhile.
  void tidy(unsigned rounds, const MakeFile& make_file);

  /// Returns true if the bytes are out, so that the next use brings them back.
  [[nodiscard]] bool are_out() const noexcept { return idle_ == kOut; }

 private:
  static constexpr unsigned kOut = std::numeric_limits<unsigned>::max();

  void end_idleness();
  void move_out(unsigned idle, const MakeFile& make_file);
  [[nodiscard]] UniqueFd write_out(UniqueFd file);
  void bring_back();

  // Constant after construction.
  std::span<std::byte> bytes_;
  // Synchronises itself: how often `tidy` was called since the last use, or `kOut`. It becomes and
  // ceases to be `kOut` under the mutex.
  std::atomic<unsigned> idle_{0};
  // Of the thread that tidies; the others read them while the bytes are out, when they are
  // constant.
  UniqueFd file_;
  QuickSum::Value sum_{};
  // Held while the bytes are brought back, for nobody can go on without them.
  std::mutex mutex_;
  // Guarded by the mutex: why the bytes could not be brought back.
  std::exception_ptr failure_;
};

}  // namespace digestfs
