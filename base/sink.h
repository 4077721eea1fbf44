// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

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
};

}  // namespace digestfs
