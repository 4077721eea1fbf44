// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/handle.h"
#include "registry/local/folder.h"

namespace digestfs::registry {

/// The directory in which a store keeps the files of one layer. What is in it was made by an image
/// and is hostile: links may lead anywhere, and no path may lead out.
class DiffDirectory {
 public:
  explicit DiffDirectory(Folder folder) : folder_(std::move(folder)) {}

  /// Opens the regular file that an entry of the layer's tar is called. Links on the way are
  /// followed as if this directory were the root of the file system. Throws `Errc::corrupt` if
  /// there is no such file, and `denied` if this process may not read it.
  [[nodiscard]] UniqueFd open(const std::string& name) const;

 private:
  Folder folder_;
};

}  // namespace digestfs::registry
