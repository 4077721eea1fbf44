// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/sink.h"

// tar-split: a tar without the content of its files, from which the same tar is put together again
// (LOC-5).

namespace digestfs::registry {

/// A file whose content belongs into the tar.
struct TarSplitFile {
  std::string name;        ///< As the tar has it: hostile bytes.
  std::uint64_t size = 0;  ///< At least 1.
  std::uint64_t crc64 = 0;
};

/// Takes what a tar consists of, in order.
class TarSplitSink {
 public:
  TarSplitSink() = default;
  TarSplitSink(const TarSplitSink&) = delete;
  TarSplitSink& operator=(const TarSplitSink&) = delete;
  virtual ~TarSplitSink() = default;

  /// Takes bytes of the tar: headers, padding, what follows the end.
  virtual void take_bytes(std::string_view bytes) = 0;
  /// Takes a file that has content.
  virtual void take_file(const TarSplitFile& file) = 0;
};

/// Reads tar-split, decompressed: one JSON object a line. Passes on what the sink throws.
class TarSplitReader final : public ByteSink {
 public:
  /// `sink` outlives the reader.
  explicit TarSplitReader(TarSplitSink& sink) : sink_(sink) {}

  /// Throws `Errc::corrupt` for a line that is no part of tar-split.
  void write(std::span<const std::byte> bytes) override;
  /// Tells the reader that the input ends here. Throws `Errc::corrupt` if it ends within a line.
  void finish();

 private:
  void take_line(std::string_view line);

  TarSplitSink& sink_;
  std::string line_;  ///< The part of a line that has come so far.
  std::uint64_t lines_ = 0;
};

}  // namespace digestfs::registry
