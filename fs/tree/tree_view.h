// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/content.h"
#include "fs/inodes.h"
#include "fs/node.h"
#include "fs/tree/file_tree.h"

// A file tree as nodes. A file's inode is one for the whole view, so that hard links are what they
// are, and files of `layers/NN/tree/` are those of `trees/<diff_id>/`; directories have one for
// each place, since the kernel gives a directory one parent.

namespace digestfs::fs {

class TreeView;

/// A regular file of a tree.
class ViewFile final : public File {
 public:
  ViewFile(InodeNumber inode, const TreeView& view, FileTree::Index index)
      : File(inode), view_(&view), index_(index) {}

  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] Xattrs xattrs() const override;
  [[nodiscard]] Opened open(const Patience& patience) const override;

 private:
  const TreeView* view_;
  FileTree::Index index_;
};

/// A symbolic link of a tree.
class ViewSymlink final : public Symlink {
 public:
  ViewSymlink(InodeNumber inode, const TreeView& view, FileTree::Index index)
      : Symlink(inode), view_(&view), index_(index) {}

  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] Xattrs xattrs() const override;
  [[nodiscard]] std::string target() const override;

 private:
  const TreeView* view_;
  FileTree::Index index_;
};

/// A device or fifo of a tree.
class ViewSpecial final : public Node {
 public:
  ViewSpecial(InodeNumber inode, const TreeView& view, FileTree::Index index)
      : Node(inode), view_(&view), index_(index) {}

  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] Xattrs xattrs() const override;

 private:
  const TreeView* view_;
  FileTree::Index index_;
};

/// Which facts of our own a view's files show.
enum class LayerFact {
  hide,
  show,  ///< `user.digestfs.layer`
};

/// The files of a tree but for its directories. Immutable; safe for concurrent use.
class TreeView final : public NodeBlock {
 public:
  /// `diffs[n]` is where the content of layer n is.
  TreeView(InodeNumber first, std::shared_ptr<const FileTree> tree, std::vector<Digest> diffs,
           cache::Content& content, LayerFact layer_fact);

  [[nodiscard]] const Node* find(std::uint64_t offset) const override;
  /// The node of a file that is no directory.
  [[nodiscard]] const Node* node(FileTree::Index index) const;
  [[nodiscard]] std::size_t directories() const noexcept { return directories_; }
  [[nodiscard]] const FileTree& tree() const noexcept { return *tree_; }
  [[nodiscard]] cache::Content& content() const noexcept { return content_; }
  [[nodiscard]] const Digest& diff_of(const FileRecord& file) const { return diffs_[file.layer]; }

  [[nodiscard]] Attributes attributes(FileTree::Index index) const;
  [[nodiscard]] Xattrs xattrs(FileTree::Index index) const;

 private:
  // Constant after construction.
  std::shared_ptr<const FileTree> tree_;
  std::vector<Digest> diffs_;
  cache::Content& content_;
  LayerFact layer_fact_;
  std::size_t directories_ = 0;
  // Nodes do not move; a deque lets them be.
  std::deque<ViewFile> files_;
  std::deque<ViewSymlink> symlinks_;
  std::deque<ViewSpecial> specials_;
  std::vector<std::uint32_t> slots_;  ///< of a file that is no directory, among those of its type
};

class PlacedTree;

/// A directory of a tree at one place of the mount. Its entries' place in a listing is their place
/// in the tree, for two may be of one inode.
class PlacedDirectory final : public Directory {
 public:
  PlacedDirectory(InodeNumber inode, const PlacedTree& place, FileTree::Index index)
      : Directory(inode), place_(&place), index_(index) {}

  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] Xattrs xattrs() const override;
  [[nodiscard]] std::optional<Entry> lookup(std::string_view name,
                                            const Patience& patience) const override;
  [[nodiscard]] Listing list(const Patience& patience) const override;
  void visit(Place past, const Show& show, const Patience& patience) const override;

 private:
  const PlacedTree* place_;
  FileTree::Index index_;
};

/// A view at one place of the mount. Immutable; safe for concurrent use.
class PlacedTree final : public NodeBlock {
 public:
  PlacedTree(InodeNumber first, const TreeView& view);

  [[nodiscard]] const Node* find(std::uint64_t offset) const override;
  [[nodiscard]] const Node* node(FileTree::Index index) const;
  [[nodiscard]] const PlacedDirectory& root() const { return directories_.front(); }
  [[nodiscard]] const TreeView& view() const noexcept { return view_; }

 private:
  // Constant after construction.
  const TreeView& view_;
  std::deque<PlacedDirectory> directories_;
};

}  // namespace digestfs::fs
