// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <stop_token>

#include "archive/decompressor.h"
#include "base/sink.h"
#include "registry/local/file_part.h"

// Decompressing what a saved archive holds, or is.

namespace digestfs::registry {

/// Returns how the part is compressed, by its first bytes.
[[nodiscard]] archive::Compression compression_of(const FilePart& part);

/// How many bytes may still come out of what is decompressed. Everything that one hostile archive
/// has decompressed shares a budget: many small bombs are one large one.
class InflationBudget {
 public:
  explicit InflationBudget(std::uint64_t bytes) : limit_(bytes), left_(bytes) {}
  /// Returns a budget for what is compressed in so many bytes: 200 times as many, and 256 MiB at
  /// least.
  [[nodiscard]] static InflationBudget for_compressed(std::uint64_t bytes);

  /// Throws `Errc::too_large` if fewer than `bytes` are left.
  void spend(std::uint64_t bytes);

 private:
  std::uint64_t limit_;
  std::uint64_t left_;
};

/// Decompresses the part into `output`. Throws `Errc::corrupt` if it is broken or cut off,
/// `unsupported` for bzip2 and xz, `too_large` if more comes out of it than `budget` has left, and
/// `interrupted` when a stop is requested.
void inflate(const FilePart& part, archive::Compression compression, ByteSink& output,
             InflationBudget& budget, const std::stop_token& stop);

}  // namespace digestfs::registry
