// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/sink.h"

namespace digestfs::archive {

/// How bytes are compressed. The bytes themselves tell, because media types lie (MT-2).
enum class Compression { none, gzip, zstd, bzip2, xz };

[[nodiscard]] std::string_view to_string(Compression compression) noexcept;

/// How many bytes `sniff` has to see; fewer only if the object is shorter.
inline constexpr std::size_t kSniffBytes = 6;

/// Returns the compression of an object that begins with `first`.
[[nodiscard]] Compression sniff(std::span<const std::byte> first) noexcept;

/// Takes the bytes of one compressed stream, and gives the decompressed bytes to a sink. Only one
/// thread may use it at a time. Throws `Errc::corrupt` if the stream is broken or ends early, and
/// passes on what the sink throws.
class Decompressor {
 public:
  Decompressor() = default;
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;
  virtual ~Decompressor() = default;

  virtual void write(std::span<const std::byte> compressed) = 0;
  /// Tells the decompressor that the input ends here. Throws `Errc::corrupt` if that is too early
  /// (D3).
  virtual void finish() = 0;
  /// Returns a sentence about bytes after the end that were left aside (DEC-a), or an empty text.
  [[nodiscard]] virtual std::string remark() const { return {}; }
};

/// Returns a decompressor for `compression` that writes to `output`, which must outlive it.
/// gzip may have any number of members. Zeros after the last member are padding; other bytes get a
/// remark (DEC-a). zstd may have any number of frames, skippable frames anywhere, and windows up to
/// 2^31 (DEC-b). `none` passes the bytes on. bzip2 and xz throw `Errc::unsupported` (DEC-c).
[[nodiscard]] std::unique_ptr<Decompressor> make_decompressor(Compression compression,
                                                              ByteSink& output);

}  // namespace digestfs::archive
