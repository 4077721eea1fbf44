// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "fs/inodes.h"

namespace digestfs::fs {

/// The nodes of one part of a mount, such as a repository, among all nodes of the mount. Two parts
/// may use the same keys. Safe for concurrent use.
class Nodes {
 public:
  /// `path` is where in the mount the part is, and is empty for all of it. No other part has it.
  Nodes(Inodes& inodes, std::string_view path)
      : inodes_(inodes), prefix_(path.empty() ? std::string() : str_cat(path, "/")) {}

  /// See `Inodes::intern`.
  template <std::derived_from<Node> T, class... Arguments>
  [[nodiscard]] const T* intern(const std::string& key, Arguments&&... arguments) const {
    return inodes_.intern<T>(prefix_ + key, std::forward<Arguments>(arguments)...);
  }

  /// Returns the symlink at `path` within the part to `target`.
  [[nodiscard]] const Symlink* symlink(std::string_view path, const std::string& target) const {
    return intern<FixedSymlink>(str_cat(path, " -> ", target), target);
  }

  /// All nodes of the mount.
  [[nodiscard]] Inodes& all() const noexcept { return inodes_; }

 private:
  // Constant after construction.
  Inodes& inodes_;
  std::string prefix_;
};

}  // namespace digestfs::fs
