// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "base/guarded.h"
#include "fs/image/repository.h"
#include "fs/node.h"
#include "fs/tree/tree_view.h"

namespace digestfs::fs {

/// The way into a tree of files: `trees/<diff_id>/`, `layers/NN/tree/` or `rootfs/`. Looking at it
/// from outside costs nothing; who enters waits until the tree is there, as long as its layers move
/// (promise 5).
class TreeDirectory final : public Directory {
 public:
  /// Gives what is inside, or throws.
  using Enter = std::function<const TreeView&(const Patience&)>;

  TreeDirectory(InodeNumber inode, Trees& trees, Enter enter)
      : Directory(inode), trees_(trees), enter_(std::move(enter)) {}

  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] Xattrs xattrs() const override;
  [[nodiscard]] std::optional<Entry> lookup(std::string_view name,
                                            const Patience& patience) const override;
  [[nodiscard]] Listing list(const Patience& patience) const override;
  void visit(Place past, const Show& show, const Patience& patience) const override;

 private:
  [[nodiscard]] const PlacedTree& inside() const;

  // Constant after construction.
  Trees& trees_;
  Enter enter_;
  // Guarded by the lock it lives in: null until somebody entered.
  mutable Guarded<const PlacedTree*> inside_{nullptr};
};

/// `trees/`: any layer by its diff_id; lists those that were opened here.
class TreesDirectory final : public Directory {
 public:
  TreesDirectory(InodeNumber inode, Repository& repository)
      : Directory(inode), repository_(repository) {}

  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] std::optional<Entry> lookup(std::string_view name,
                                            const Patience& patience) const override;
  [[nodiscard]] Listing list(const Patience& patience) const override;
  [[nodiscard]] Clock::duration absence_valid() const override { return std::chrono::seconds(5); }

 private:
  [[nodiscard]] Entry entry(const Digest& diff) const;

  // Constant after construction.
  Repository& repository_;
};

/// The way into the files of `layer`, which has a diff, at `path`. A size that its descriptor gets
/// wrong bars it.
[[nodiscard]] const Node* layer_tree(Repository& repository, const std::string& path,
                                     const ImageLayer& layer);

}  // namespace digestfs::fs
