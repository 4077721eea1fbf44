// SPDX-License-Identifier: Apache-2.0
#pragma once

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

}  // namespace digestfs::test
