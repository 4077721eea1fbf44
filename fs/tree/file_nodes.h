// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/weak_slot.h"
#include "cache/content.h"
#include "cache/housekeeper.h"
#include "cache/problems.h"
#include "fs/inodes.h"
#include "fs/node.h"
#include "fs/tree/file_tree.h"

// The nodes of a `FileTree` but for its directories (`fs/tree/directory_nodes.h`). A file has one
// inode however many paths lead to it, so that hard links are what they are, and files of
// `layers/NN/tree/` are those of `trees/<diff_id>/`.

namespace digestfs::fs {

class FileNodes;
class OpenTar;

/// A regular file of a tree.
class FileNode final : public File {
 public:
  FileNode(InodeNumber inode, const FileNodes& nodes) : File(inode), nodes_(&nodes) {}

  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] Xattrs xattrs() const override;
  [[nodiscard]] Opened open(const Patience& patience) const override;

 private:
  const FileNodes* nodes_;
};

/// A symbolic link of a tree.
class SymlinkNode final : public Symlink {
 public:
  SymlinkNode(InodeNumber inode, const FileNodes& nodes) : Symlink(inode), nodes_(&nodes) {}

  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] Xattrs xattrs() const override;
  [[nodiscard]] std::string target() const override;

 private:
  const FileNodes* nodes_;
};

/// A device or fifo of a tree.
class SpecialNode final : public Node {
 public:
  SpecialNode(InodeNumber inode, const FileNodes& nodes) : Node(inode), nodes_(&nodes) {}

  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] Xattrs xattrs() const override;

 private:
  const FileNodes* nodes_;
};

/// Which of digestfs's own facts the files show.
enum class LayerFact {
  hide,
  show,  ///< `user.digestfs.layer`
};

/// The nodes of all files of a tree but for its directories. They stay as long as the mount, but
/// the tree is moved out while nobody uses it. Otherwise immutable; safe for concurrent use.
/// Whatever reads the tree throws `Errc::corrupt` if the tree was damaged while it was out.
class FileNodes final : public NodeBlock {
 public:
  /// How often `tidy` has to find that nobody has read the tree: in a mount, for ten minutes.
  static constexpr unsigned kIdleTidyings = std::chrono::minutes(10) / cache::Housekeeper::kPeriod;

  /// `diffs[n]` is where the content of layer n is. Problem records name `path`.
  FileNodes(InodeNumber first, std::shared_ptr<const FileTree> tree, std::string path,
            std::vector<Digest> diffs, cache::Content& content, cache::Problems& problems,
            LayerFact layer_fact);

  [[nodiscard]] const Node* find(std::uint64_t offset) const override;
  void tidy() const noexcept override;
  /// Returns which file `node` is, by its number.
  [[nodiscard]] FileTree::Index index_of(const Node& node) const noexcept {
    return static_cast<FileTree::Index>(node.inode() - first_);
  }
  /// Returns the node of a file that is no directory.
  [[nodiscard]] const Node* node(FileTree::Index index) const;
  [[nodiscard]] std::size_t directories() const noexcept { return directories_; }
  /// The tree, to be read now. Reports and throws `Errc::corrupt` if it cannot be brought back.
  [[nodiscard]] const FileTree& tree() const;
  [[nodiscard]] cache::Content& content() const noexcept { return content_; }
  [[nodiscard]] const Digest& diff_of(const FileRecord& file) const { return diffs_[file.layer]; }

  /// Opens the tar of layer `number`, which is open once for all of its files. If it is open
  /// already, this takes no lock and no memory.
  [[nodiscard]] std::shared_ptr<OpenTar> open_tar(std::size_t number,
                                                  const Patience& patience) const;

  [[nodiscard]] Attributes attributes(FileTree::Index index) const;
  [[nodiscard]] Xattrs xattrs(FileTree::Index index) const;

 private:
  // Constant after construction.
  InodeNumber first_;
  std::shared_ptr<const FileTree> tree_;
  std::string path_;
  std::vector<Digest> diffs_;
  cache::Content& content_;
  cache::Problems& problems_;
  const cache::Store& store_;
  LayerFact layer_fact_;
  std::size_t directories_ = 0;
  // Nodes do not move; a deque lets them be.
  std::deque<FileNode> files_;
  std::deque<SymlinkNode> symlinks_;
  std::deque<SpecialNode> specials_;
  std::vector<std::uint32_t> slots_;  ///< of a file that is no directory, among those of its type
  // Synchronise themselves: the tars of the layers, of which somebody may have files open.
  mutable std::vector<WeakSlot<OpenTar>> tars_;
};

}  // namespace digestfs::fs
