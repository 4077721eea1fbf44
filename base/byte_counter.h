// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/sink.h"

namespace digestfs {

/// Counts bytes, and keeps none.
class ByteCounter final : public ByteSink {
 public:
  void write(std::span<const std::byte> bytes) override { count_ += bytes.size(); }
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

 private:
  std::uint64_t count_ = 0;
};

}  // namespace digestfs
