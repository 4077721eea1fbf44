// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <optional>
#include <string_view>

#include "fs/inodes.h"
#include "fs/node.h"
#include "fs/tree/file_nodes.h"
#include "fs/tree/file_tree.h"

// The directories of a `FileTree` as nodes. A directory has one inode for each path that shows it,
// since the kernel gives a directory one parent.

namespace digestfs::fs {

class DirectoryNodes;

/// One directory of a `FileTree` under one path of the mount. An entry's position in a listing is
/// its position in the tree, because two entries may have the same inode.
class DirectoryNode final : public Directory {
 public:
  DirectoryNode(InodeNumber inode, const DirectoryNodes& nodes, FileTree::Index index)
      : Directory(inode), nodes_(&nodes), index_(index) {}

  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] Xattrs xattrs() const override;
  [[nodiscard]] std::optional<Entry> lookup(std::string_view name,
                                            const Patience& patience) const override;
  [[nodiscard]] Listing list(const Patience& patience) const override;
  void visit(Position past, const Show& show, const Patience& patience) const override;

 private:
  const DirectoryNodes* nodes_;
  FileTree::Index index_;
};

/// The directories of a `FileTree` under one path of the mount, and the way to its files.
/// Immutable; safe for concurrent use.
class DirectoryNodes final : public NodeBlock {
 public:
  DirectoryNodes(InodeNumber first, const FileNodes& files);

  [[nodiscard]] const Node* find(std::uint64_t offset) const override;
  [[nodiscard]] const Node* node(FileTree::Index index) const;
  [[nodiscard]] const DirectoryNode& root() const { return directories_.front(); }
  [[nodiscard]] const FileNodes& files() const noexcept { return files_; }

 private:
  // Constant after construction.
  const FileNodes& files_;
  std::deque<DirectoryNode> directories_;
};

}  // namespace digestfs::fs
