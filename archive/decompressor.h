// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/sink.h"

namespace digestfs::archive {

/// How bytes are compressed, told from the bytes themselves (MT-2): media types lie.
enum class Compression { none, gzip, zstd, bzip2, xz };

[[nodiscard]] std::string_view to_string(Compression compression) noexcept;

/// How many bytes `sniff` wants to see, fewer only where the object is shorter.
inline constexpr std::size_t kSniffBytes = 6;

[[nodiscard]] Compression sniff(std::span<const std::byte> first) noexcept;

/// Takes compressed bytes, hands the content to a sink as it comes. One stream, one thread.
/// Throws `Errc::corrupt` where the stream is broken or ends early, and what the sink throws.
class Decompressor {
 public:
  Decompressor() = default;
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;
  virtual ~Decompressor() = default;

  virtual void write(std::span<const std::byte> compressed) = 0;
  /// The input ends here: throws where that is too early (D3).
  virtual void finish() = 0;
  /// A sentence about bytes after the end that were left aside (DEC-a), or empty.
  [[nodiscard]] virtual std::string remark() const { return {}; }
};

/// A decompressor for `compression` that writes to `output`, which must outlive it.
/// gzip: any number of members; zeros after the last are padding, other bytes are remarked on
/// (DEC-a). zstd: any number of frames, skippable ones anywhere, windows up to 2^31 (DEC-b). `none`
/// passes through. bzip2 and xz throw `Errc::unsupported` (DEC-c).
[[nodiscard]] std::unique_ptr<Decompressor> make_decompressor(Compression compression,
                                                              ByteSink& output);

}  // namespace digestfs::archive
