// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

namespace digestfs {

/// Takes bytes in order. One thread at a time.
class ByteSink {
 public:
  ByteSink() = default;
  ByteSink(const ByteSink&) = delete;
  ByteSink& operator=(const ByteSink&) = delete;
  virtual ~ByteSink() = default;

  /// Takes all of `bytes`, or throws; what it throws ends the transfer and reaches the caller.
  virtual void write(std::span<const std::byte> bytes) = 0;
};

}  // namespace digestfs
