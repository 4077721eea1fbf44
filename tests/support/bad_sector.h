// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/handle.h"

namespace digestfs::test {

/// A file that the disk cannot read, for as long as this lives: every read of it by this program
/// fails with EIO. There is one at a time.
class BadSector {
 public:
  explicit BadSector(const std::filesystem::path& file);
  BadSector(const BadSector&) = delete;
  BadSector& operator=(const BadSector&) = delete;
  ~BadSector();

 private:
  // Keeps the inode, so that no new file gets its number.
  UniqueFd file_;
};

/// A disk that is slow with large files: for as long as this lives, every read by this program of a
/// file of at least `bytes` waits. There is one at a time.
class SlowDisk {
 public:
  explicit SlowDisk(std::int64_t bytes);
  SlowDisk(const SlowDisk&) = delete;
  SlowDisk& operator=(const SlowDisk&) = delete;
  ~SlowDisk();

  /// Returns once that many reads wait.
  static void await(int reads);
};

}  // namespace digestfs::test
