// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "archive/tar_entry.h"
#include "base/sink.h"

namespace digestfs::archive {

/// Takes the entries of a tar in their order. An exception that it throws ends the reading.
class TarSink {
 public:
  TarSink() = default;
  TarSink(const TarSink&) = delete;
  TarSink& operator=(const TarSink&) = delete;
  virtual ~TarSink() = default;

  virtual void take(TarEntry entry) = 0;
};

/// Reads the headers of a tar from the bytes that it is given. It does no I/O and keeps no content.
/// It agrees with Go's archive/tar on what is an entry and what is content (TAR-1 to TAR-9, section
/// 13.1), because Go's reader unpacks images. It passes over global headers, as the runtimes do.
///
/// Throws `Errc::corrupt` with the offset where Go's reader gives up, and `Errc::too_large` for a
/// name, extended header or sparse map of more than 1 MiB (TAR-4).
class TarReader final : public ByteSink {
 public:
  /// `sink` must outlive the reader.
  explicit TarReader(TarSink& sink);
  ~TarReader() override;

  void write(std::span<const std::byte> bytes) override;
  /// Tells the reader that the archive ends here. Throws `Errc::corrupt` if that is inside of a
  /// header or of the content of an entry.
  void finish();

  /// Returns how many of the next bytes are content. A caller that can seek may `skip` them instead
  /// of reading them.
  [[nodiscard]] std::uint64_t skippable() const noexcept;
  /// Passes over the next `bytes` bytes; at most `skippable()`.
  void skip(std::uint64_t bytes);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace digestfs::archive
