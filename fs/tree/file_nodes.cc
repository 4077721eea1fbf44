// SPDX-License-Identifier: Apache-2.0
#include "fs/tree/file_nodes.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "fs/fact_names.h"

namespace digestfs::fs {
/// The tar of a layer, open for those who read its files.
class OpenTar final : public OpenFile {
 public:
  OpenTar(cache::Content& content, std::shared_ptr<const cache::VerifiedFile> file)
      : content_(content), file_(std::move(file)) {}

  [[nodiscard]] const cache::VerifiedFile& file() const noexcept { return *file_; }

  /// Fills all of `buffer`: the tar was read to its end when the tree was made, so all of it is
  /// there.
  [[nodiscard]] std::size_t read(std::span<std::byte> buffer, std::uint64_t offset,
                                 const Patience& patience) override {
    if (content_.read(file_, buffer, offset, patience) != buffer.size()) {
      throw Error(Errc::corrupt, str_cat("cannot read a file of layer ", file_->digest(),
                                         ": its tar ends too early"));
    }
    return buffer.size();
  }
  [[nodiscard]] Lingering* lingering() noexcept override { return &lingering_; }

 private:
  cache::Content& content_;
  std::shared_ptr<const cache::VerifiedFile> file_;
  Lingering lingering_;
};

Attributes FileNode::attributes() const { return nodes_->attributes(nodes_->index_of(*this)); }

Xattrs FileNode::xattrs() const { return nodes_->xattrs(nodes_->index_of(*this)); }

Opened FileNode::open(const Patience& patience) const {
  const FileTree& tree = nodes_->tree();
  const FileRecord& record = tree.file(nodes_->index_of(*this));
  const FileExtras& extras = tree.extras(record);
  if (!extras.defect.empty()) {
    throw Error(Errc::corrupt, str_cat("cannot open a file of layer ", nodes_->diff_of(record),
                                       ": ", extras.defect));
  }
  auto tar = nodes_->open_tar(record.layer, patience);
  // A damaged file may have filled pages that the kernel keeps of this inode.
  const auto caching =
      tar->file().replaces_another() ? Opened::Caching::drop : Opened::Caching::keep;
  // The tree may be moved out while the file is open, but for its extras.
  return {std::move(tar), caching,
          Part{.begin = record.where,
               .size = record.size,
               .runs = extras.sparse ? &extras.runs : nullptr}};
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
      layer_fact_(layer_fact),
      tars_(diffs_.size()) {
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

std::shared_ptr<OpenTar> FileNodes::open_tar(std::size_t number, const Patience& patience) const {
  if (auto open = tars_[number].lock(); open && content_.is_readable(open->file())) return open;
  auto opened =
      std::make_shared<OpenTar>(content_, content_.open_by_blocks(diffs_[number], patience));
  tars_[number].set(opened);
  return opened;
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
