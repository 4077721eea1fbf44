// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string_view>

#include "fs/inodes.h"
#include "fs/node.h"
#include "fs/tree/directory_nodes.h"

namespace digestfs::fs {

/// The directory through which a process enters a tree of files: `trees/<diff_id>/`,
/// `layers/NN/tree/` or `rootfs/`. Its `stat` costs nothing. A process that enters waits until the
/// tree is there, as long as its layers make progress (promise 5).
class TreeEntrance final : public Directory {
 public:
  /// Returns the files of the tree, or throws, also `Pending`. Whoever makes the entrance knows
  /// which tree it leads to: `ImageView::rootfs`, `LayerTrees::at`.
  using Enter = std::function<const FileNodes&(const Patience&)>;

  /// Returns the files if another directory has led to them already, or null. Never asks anybody.
  using Glance = std::function<const FileNodes*()>;

  /// `created` is the time that the directory shows as long as its own is not known.
  TreeEntrance(
      InodeNumber inode, Inodes& inodes, Enter enter, Timestamp created,
      Glance glance = [] { return nullptr; })
      : Directory(inode),
        inodes_(inodes),
        enter_(std::move(enter)),
        glance_(std::move(glance)),
        created_(created) {}

  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] Xattrs xattrs() const override;
  [[nodiscard]] std::optional<Entry> lookup(std::string_view name,
                                            const Patience& patience) const override;
  [[nodiscard]] Listing list(const Patience& patience) const override;
  void visit(Position past, const Show& show, const Patience& patience) const override;

 private:
  [[nodiscard]] const DirectoryNodes& inside() const;

  // Constant after construction.
  Inodes& inodes_;
  Enter enter_;
  Glance glance_;
  Timestamp created_;
  // Held while the nodes are made, so that they are made once. Nothing waits for I/O under it.
  mutable std::mutex making_;
  // Synchronises itself: null until a process has entered.
  mutable std::atomic<const DirectoryNodes*> inside_{nullptr};
};

}  // namespace digestfs::fs
