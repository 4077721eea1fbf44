// SPDX-License-Identifier: Apache-2.0
#include "fs/tree/file_nodes.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "fs/fact_names.h"

namespace digestfs::fs {
namespace {

/// A file of a tree, open: a part of its layer's tar, with holes where it is sparse.
class OpenTreeFile final : public OpenFile {
 public:
  OpenTreeFile(cache::Content& content, const FileRecord& record, const FileExtras& extras,
               std::shared_ptr<const cache::VerifiedFile> tar)
      : content_(content), record_(record), extras_(extras), tar_(std::move(tar)) {}

  [[nodiscard]] std::size_t read(std::span<std::byte> buffer, std::uint64_t offset,
                                 const Patience& patience) override {
    if (offset >= record_.size) return 0;
    const auto wanted =
        static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), record_.size - offset));
    const auto part = buffer.first(wanted);
    if (extras_.sparse) {
      read_sparse(part, offset, extras_.runs, patience);
    } else {
      read_stored(part, record_.where + offset, patience);
    }
    return wanted;
  }

 private:
  /// Fills `buffer` from the tar. The tar was read to its end when the tree was made, so all of it
  /// is there.
  void read_stored(std::span<std::byte> buffer, std::uint64_t offset, const Patience& patience) {
    if (content_.read(tar_, buffer, offset, patience) != buffer.size()) {
      throw Error(Errc::corrupt, str_cat("cannot read a file of layer ", tar_->digest(),
                                         ": its tar ends too early"));
    }
  }

  void read_sparse(std::span<std::byte> buffer, std::uint64_t offset,
                   const std::vector<archive::SparseRun>& runs, const Patience& patience) {
    std::ranges::fill(buffer, std::byte{0});
    const std::uint64_t end = offset + buffer.size();
    std::uint64_t stored = record_.where;
    for (const archive::SparseRun& run : runs) {
      if (run.offset >= end) return;
      const std::uint64_t from = std::max(run.offset, offset);
      const std::uint64_t to = std::min(run.end(), end);
      if (from < to) {
        read_stored(buffer.subspan(static_cast<std::size_t>(from - offset),
                                   static_cast<std::size_t>(to - from)),
                    stored + (from - run.offset), patience);
      }
      stored += run.length;
    }
  }

  cache::Content& content_;
  FileRecord record_;  ///< a copy: the tree may be moved out while the file is open
  const FileExtras& extras_;
  std::shared_ptr<const cache::VerifiedFile> tar_;
};

}  // namespace

Attributes FileNode::attributes() const { return nodes_->attributes(nodes_->index_of(*this)); }

Xattrs FileNode::xattrs() const { return nodes_->xattrs(nodes_->index_of(*this)); }

Opened FileNode::open(const Patience& patience) const {
  const FileTree& tree = nodes_->tree();
  const FileRecord record = tree.file(nodes_->index_of(*this));
  const FileExtras& extras = tree.extras(record);
  const Digest& diff = nodes_->diff_of(record);
  if (!extras.defect.empty()) {
    throw Error(Errc::corrupt, str_cat("cannot open a file of layer ", diff, ": ", extras.defect));
  }
  auto tar = nodes_->content().open_by_blocks(diff, patience);
  // A damaged file may have filled pages that the kernel keeps of this inode.
  const auto caching = tar->replaces_another() ? Opened::Caching::drop : Opened::Caching::keep;
  return {std::make_unique<OpenTreeFile>(nodes_->content(), record, extras, std::move(tar)),
          caching};
}

Attributes SymlinkNode::attributes() const { return nodes_->attributes(nodes_->index_of(*this)); }

Xattrs SymlinkNode::xattrs() const { return nodes_->xattrs(nodes_->index_of(*this)); }

std::string SymlinkNode::target() const {
  const FileTree& tree = nodes_->tree();
  return std::string(tree.link_target(tree.file(nodes_->index_of(*this))));
}

Attributes SpecialNode::attributes() const { return nodes_->attributes(nodes_->index_of(*this)); }

Xattrs SpecialNode::xattrs() const { return nodes_->xattrs(nodes_->index_of(*this)); }

FileNodes::FileNodes(InodeNumber first, std::shared_ptr<const FileTree> tree, std::string path,
                     std::vector<Digest> diffs, cache::Content& content, cache::Problems& problems,
                     LayerFact layer_fact)
    : first_(first),
      tree_(std::move(tree)),
      path_(std::move(path)),
      diffs_(std::move(diffs)),
      content_(content),
      problems_(problems),
      store_(content.store()),
      layer_fact_(layer_fact) {
  const auto all = tree_->files();
  directories_ =
      static_cast<std::size_t>(std::ranges::count(all, FileType::directory, &FileRecord::type));
  slots_.reserve(all.size() - directories_);
  for (auto index = static_cast<FileTree::Index>(directories_); index < all.size(); ++index) {
    const InodeNumber inode = first + index;
    const auto keep = [&](auto& nodes) {
      slots_.push_back(static_cast<std::uint32_t>(nodes.size()));
      nodes.emplace_back(inode, *this);
    };
    switch (all[index].type) {
      case FileType::file:
        keep(files_);
        break;
      case FileType::symlink:
        keep(symlinks_);
        break;
      default:
        keep(specials_);
        break;
    }
  }
}

const FileTree& FileNodes::tree() const {
  try {
    tree_->use();
  } catch (const Error& error) {
    problems_.report(
        {.kind = cache::ProblemKind::cache_damaged,
         .object = path_,
         .detail = "the tree was moved to the disk of the cache while nobody used it, and was "
                   "damaged there"});
    throw Error(error.code(), str_cat("cannot show ", path_, ": ", error.what()));
  }
  return *tree_;
}

void FileNodes::tidy() const noexcept try {
  // Not of `content_`, which may have ended. The disk may have room another time.
  tree_->tidy(kIdleTidyings, [this](std::uint64_t bytes) { return store_.make_unnamed(bytes); });
} catch (const std::exception& error) {
  DIGESTFS_LOG(info, "a tree that nobody reads stays in memory cause=", error.what());
}

const Node* FileNodes::node(FileTree::Index index) const {
  const std::uint32_t slot = slots_[index - directories_];
  switch (tree().file(index).type) {
    case FileType::file:
      return &files_[slot];
    case FileType::symlink:
      return &symlinks_[slot];
    default:
      return &specials_[slot];
  }
}

const Node* FileNodes::find(std::uint64_t offset) const {
  if (offset < directories_ || offset >= tree_->files().size()) return nullptr;
  return node(static_cast<FileTree::Index>(offset));
}

Attributes FileNodes::attributes(FileTree::Index index) const {
  const FileRecord& record = tree().file(index);
  Attributes attributes;
  attributes.type = record.type;
  attributes.links = record.links;
  attributes.modified = record.modified();
  attributes.ownership = Ownership{record.mode, record.uid, record.gid};
  switch (record.type) {
    case FileType::file: {
      attributes.size = record.size;
      const FileExtras& extras = tree_->extras(record);
      if (extras.sparse) {
        std::uint64_t stored = 0;
        for (const archive::SparseRun& run : extras.runs) stored += run.length;
        attributes.stored = stored;
      }
      break;
    }
    case FileType::symlink:
      attributes.size = record.size;
      attributes.ownership->mode = 0777;  // Linux knows no other for links
      break;
    case FileType::character_device:
    case FileType::block_device:
      attributes.device = record.where;
      break;
    case FileType::directory:
    case FileType::fifo:
      break;
  }
  return attributes;
}

Xattrs FileNodes::xattrs(FileTree::Index index) const {
  const FileRecord& record = tree().file(index);
  Xattrs xattrs = tree_->extras(record).xattrs;
  if (layer_fact_ == LayerFact::show) xattrs[kFactLayer] = layer_name(record.layer, diffs_.size());
  // The kernel knows `user.*` of nothing else: a name that is listed must not fail when it is read.
  if (record.type != FileType::file && record.type != FileType::directory) {
    std::erase_if(xattrs, [](const auto& xattr) { return xattr.first.starts_with("user."); });
  }
  return xattrs;
}

}  // namespace digestfs::fs
