// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "archive/tar_header.h"
#include "base/sink.h"
#include "base/timestamp.h"

namespace digestfs::archive {

/// What an entry of a tar is (TAR-7).
enum class TarType {
  file,
  hardlink,
  symlink,
  character_device,
  block_device,
  directory,
  fifo,
  other,  ///< a volume label, a part of a file, a vendor's own: no part of any file tree
};

/// An entry, everything that came before its header taken into account.
struct TarEntry {
  TarType type = TarType::other;
  char flag = 0;     ///< the type as the header has it
  std::string name;  ///< bytes, as they stand in the archive
  std::string link;  ///< of a hard link or symlink
  std::int64_t mode = 0;
  std::int64_t uid = 0;
  std::int64_t gid = 0;
  Timestamp modified;
  std::int64_t device_major = 0;
  std::int64_t device_minor = 0;
  std::uint64_t size = 0;    ///< of the content as a reader sees it, holes included
  std::uint64_t offset = 0;  ///< of the content's first stored byte in the tar
  bool sparse = false;
  std::vector<SparseRun> runs;  ///< of a sparse file; stored one after the other from `offset`
  std::map<std::string, std::string> xattrs;
  /// Why the content cannot be told (a broken sparse map), or empty.
  std::string defect;
};

/// Takes the entries of a tar in their order. What it throws ends the reading.
class TarSink {
 public:
  TarSink() = default;
  TarSink(const TarSink&) = delete;
  TarSink& operator=(const TarSink&) = delete;
  virtual ~TarSink() = default;

  virtual void take(TarEntry entry) = 0;
};

/// Reads the headers of a tar that comes by; does no I/O and keeps no content. Agrees with Go's
/// archive/tar on what is an entry and what is content (TAR-1 to TAR-9, section 13.1), because that
/// is what unpacks images; global headers are passed over, as the runtimes do.
///
/// Throws `Errc::corrupt` where Go gives up, with the offset; `Errc::too_large` for a name or
/// extended header of more than 1 MiB (TAR-4).
class TarReader final : public ByteSink {
 public:
  /// `sink` must outlive the reader.
  explicit TarReader(TarSink& sink);
  ~TarReader() override;

  void write(std::span<const std::byte> bytes) override;
  /// The archive ends here: throws where that is in the middle of something.
  void finish();

  /// How many of the bytes to come are content that it passes over: who can seek may `skip` them
  /// instead of reading them.
  [[nodiscard]] std::uint64_t skippable() const noexcept;
  /// Passes over `bytes`, at most `skippable()`.
  void skip(std::uint64_t bytes);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace digestfs::archive
