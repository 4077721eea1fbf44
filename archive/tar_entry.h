// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "archive/pax.h"
#include "archive/tar_header.h"
#include "base/timestamp.h"

namespace digestfs::archive {

/// The kind of an entry of a tar (TAR-7).
enum class TarType {
  file,
  hardlink,
  symlink,
  character_device,
  block_device,
  directory,
  fifo,
  other,  ///< a volume label, a part of a file, or a vendor's own type: not part of a file tree
};

/// An entry of a tar: its header, and what the extended headers before it say.
struct TarEntry {
  TarType type = TarType::other;
  char flag = 0;     ///< the type as the header spells it
  std::string name;  ///< the bytes of the archive, unchanged
  std::string link;  ///< the target of a hard link or symlink
  std::int64_t mode = 0;
  std::int64_t uid = 0;
  std::int64_t gid = 0;
  Timestamp modified;
  std::int64_t device_major = 0;
  std::int64_t device_minor = 0;
  std::uint64_t size = 0;    ///< of the content as a reader sees it, holes included
  std::uint64_t offset = 0;  ///< where the content's first stored byte is in the tar
  bool sparse = false;
  std::vector<SparseRun> runs;  ///< the stored runs of a sparse file, which begin at `offset`
  std::map<std::string, std::string> xattrs;
  /// Why the content cannot be read (a broken sparse map), or empty.
  std::string defect;
};

/// Returns the kind of an entry whose header has the type `flag`.
[[nodiscard]] TarType type_of(char flag) noexcept;

/// Returns true for the types that have no content, whatever size their header has (TAR-8).
[[nodiscard]] constexpr bool is_header_only(char flag) noexcept {
  return flag >= '1' && flag <= '6';
}

/// Overrides the fields of `entry`, and its stored `size`, with those of the records. Returns false
/// if a number or time in the records is none.
[[nodiscard]] bool override_fields(TarEntry& entry, std::int64_t& size, const PaxRecords& records);

}  // namespace digestfs::archive
