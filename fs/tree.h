// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fs/image/repository.h"
#include "fs/node.h"

namespace digestfs::fs {

/// The whole mount: makes the root and what stands in it, and finds nodes by inode number. Safe for
/// concurrent use.
class Tree {
 public:
  explicit Tree(Repository& repository);

  /// Nothing for a number that was never given out.
  [[nodiscard]] const Node* find(InodeNumber inode) const {
    return repository_.inodes().find(inode);
  }
  [[nodiscard]] const Node* root() const noexcept { return root_; }

 private:
  // Constant after construction.
  Repository& repository_;
  const Node* root_;
};

}  // namespace digestfs::fs
