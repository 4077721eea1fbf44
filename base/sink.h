// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace digestfs {

/// A consumer of a stream of bytes. Only one thread at a time may use it.
class ByteSink {
 public:
  ByteSink() = default;
  ByteSink(const ByteSink&) = delete;
  ByteSink& operator=(const ByteSink&) = delete;
  virtual ~ByteSink() = default;

  /// Consumes all of `bytes`, or throws. The exception ends the transfer and reaches the caller of
  /// whatever sends the bytes.
  virtual void write(std::span<const std::byte> bytes) = 0;

  /// The same for the first `size` bytes of `buffer`, for whoever makes bytes in a buffer of their
  /// own: a sink that keeps them for a while takes the buffer itself, and leaves another one of the
  /// same size in its place, with any content.
  virtual void take(std::vector<std::byte>& buffer, std::size_t size) {
    write(std::span<const std::byte>(buffer).first(size));
  }
};

}  // namespace digestfs
