// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/handle.h"
#include "registry/local/archive/tar_index.h"
#include "registry/local/file_part.h"

namespace digestfs::registry {

/// A saved archive: a tar in a file, compressed with gzip or zstd or not at all. Opening it reads
/// it once from end to end (of a tar that is not compressed, only the headers). A compressed
/// archive is decompressed into an unnamed file in `$TMPDIR`, or in `/var/tmp` without that
/// variable, whose room is free again when the object goes. 5 % of that disk stay free.
///
/// The file is opened once: an archive that takes its name later is not seen. Constant after
/// construction, so that any number of threads may use it.
class ArchiveFile {
 public:
  /// `scheme` begins the archive's name: `oci-archive:`. Throws `Errc::not_found` if there is no
  /// regular file, `denied` if it cannot be opened, `corrupt` if it is cut off or no tar,
  /// `unsupported` for another compression, `too_large` if it decompresses to more than 256 MiB and
  /// 200 times its size, or breaks a limit of `TarIndex`, and `interrupted` on `stop`. Throws
  /// `std::system_error` with ENOSPC if there is no room to decompress it.
  ArchiveFile(std::string_view scheme, const std::filesystem::path& path,
              const std::stop_token& stop = {});

  /// The scheme and the absolute path.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const TarIndex& index() const noexcept { return index_; }
  /// The size of the file on disk, which may be compressed.
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

  /// Throws `Errc::unsupported` if the member is stored as a sparse file.
  [[nodiscard]] FilePart part(const TarIndex::Member& member) const;
  /// Returns the content of a member. Throws as `part`, and `Errc::too_large` if it has more than
  /// `limit` bytes.
  [[nodiscard]] std::string text(const TarIndex::Member& member, std::size_t limit) const;

 private:
  void open_tar(const std::filesystem::path& path, const std::stop_token& stop);

  // Constant after construction.
  std::string name_;
  UniqueFd file_;  ///< the tar, not compressed
  TarIndex index_;
  std::uint64_t size_ = 0;
};

}  // namespace digestfs::registry
