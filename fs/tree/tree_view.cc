// SPDX-License-Identifier: Apache-2.0
#include "fs/tree/tree_view.h"

#include <algorithm>
#include <utility>

#include <linux/limits.h>

#include "base/error.h"
#include "base/text.h"
#include "fs/image/facts.h"
#include "fs/tree/file_tree_builder.h"

namespace digestfs::fs {
namespace {

/// A file of a tree, open: a part of its layer's tar, with holes where it is sparse.
class OpenTreeFile final : public OpenFile {
 public:
  OpenTreeFile(const TreeView& view, const FileRecord& record,
               std::shared_ptr<const cache::VerifiedFile> tar)
      : view_(view), record_(record), tar_(std::move(tar)) {}

  [[nodiscard]] std::size_t read(std::span<std::byte> buffer, std::uint64_t offset,
                                 const Patience& patience) override {
    if (offset >= record_.size) return 0;
    const auto wanted =
        static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), record_.size - offset));
    const auto part = buffer.first(wanted);
    const FileExtras& extras = view_.tree().extras(record_);
    if (extras.sparse) {
      read_sparse(part, offset, extras.runs, patience);
    } else {
      read_stored(part, record_.where + offset, patience);
    }
    return wanted;
  }

 private:
  /// Fills `buffer` from the tar. The tar was read to its end when the tree was made, so all of it
  /// is there.
  void read_stored(std::span<std::byte> buffer, std::uint64_t offset, const Patience& patience) {
    if (view_.content().read(tar_, buffer, offset, patience) != buffer.size()) {
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

  const TreeView& view_;
  const FileRecord& record_;
  std::shared_ptr<const cache::VerifiedFile> tar_;
};

}  // namespace

Attributes ViewFile::attributes() const { return view_->attributes(index_); }

Xattrs ViewFile::xattrs() const { return view_->xattrs(index_); }

Opened ViewFile::open(const Patience& patience) const {
  const FileRecord& record = view_->tree().file(index_);
  const Digest& diff = view_->diff_of(record);
  const std::string& defect = view_->tree().extras(record).defect;
  if (!defect.empty()) {
    throw Error(Errc::corrupt, str_cat("cannot open a file of layer ", diff, ": ", defect));
  }
  auto tar = view_->content().open(diff, patience);
  return {std::make_unique<OpenTreeFile>(*view_, record, std::move(tar))};
}

Attributes ViewSymlink::attributes() const { return view_->attributes(index_); }

Xattrs ViewSymlink::xattrs() const { return view_->xattrs(index_); }

std::string ViewSymlink::target() const {
  return std::string(view_->tree().link_target(view_->tree().file(index_)));
}

Attributes ViewSpecial::attributes() const { return view_->attributes(index_); }

Xattrs ViewSpecial::xattrs() const { return view_->xattrs(index_); }

TreeView::TreeView(InodeNumber first, std::shared_ptr<const FileTree> tree,
                   std::vector<Digest> diffs, cache::Content& content, LayerFact layer_fact)
    : tree_(std::move(tree)), diffs_(std::move(diffs)), content_(content), layer_fact_(layer_fact) {
  const auto all = tree_->files();
  directories_ =
      static_cast<std::size_t>(std::ranges::count(all, FileType::directory, &FileRecord::type));
  slots_.reserve(all.size() - directories_);
  for (auto index = static_cast<FileTree::Index>(directories_); index < all.size(); ++index) {
    const InodeNumber inode = first + index;
    const auto keep = [&](auto& nodes) {
      slots_.push_back(static_cast<std::uint32_t>(nodes.size()));
      nodes.emplace_back(inode, *this, index);
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

const Node* TreeView::node(FileTree::Index index) const {
  const std::uint32_t slot = slots_[index - directories_];
  switch (tree_->file(index).type) {
    case FileType::file:
      return &files_[slot];
    case FileType::symlink:
      return &symlinks_[slot];
    default:
      return &specials_[slot];
  }
}

const Node* TreeView::find(std::uint64_t offset) const {
  if (offset < directories_ || offset >= tree_->files().size()) return nullptr;
  return node(static_cast<FileTree::Index>(offset));
}

Attributes TreeView::attributes(FileTree::Index index) const {
  const FileRecord& record = tree_->file(index);
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

Xattrs TreeView::xattrs(FileTree::Index index) const {
  const FileRecord& record = tree_->file(index);
  Xattrs xattrs = tree_->extras(record).xattrs;
  if (layer_fact_ == LayerFact::show) xattrs[kFactLayer] = layer_name(record.layer, diffs_.size());
  // The kernel knows `user.*` of nothing else: a name that is listed must not fail when it is read.
  if (record.type != FileType::file && record.type != FileType::directory) {
    std::erase_if(xattrs, [](const auto& xattr) { return xattr.first.starts_with("user."); });
  }
  return xattrs;
}

PlacedTree::PlacedTree(InodeNumber first, const TreeView& view) : view_(view) {
  for (FileTree::Index i = 0; i < view.directories(); ++i) {
    directories_.emplace_back(first + i, *this, i);
  }
}

const Node* PlacedTree::find(std::uint64_t offset) const {
  return offset < directories_.size() ? &directories_[static_cast<std::size_t>(offset)] : nullptr;
}

const Node* PlacedTree::node(FileTree::Index index) const {
  return index < directories_.size() ? &directories_[index] : view_.node(index);
}

Attributes PlacedDirectory::attributes() const { return place_->view().attributes(index_); }

Xattrs PlacedDirectory::xattrs() const { return place_->view().xattrs(index_); }

std::optional<Entry> PlacedDirectory::lookup(std::string_view name,
                                             const Patience& /*patience*/) const {
  const auto file = place_->view().tree().find(index_, name);
  if (!file) return std::nullopt;
  return Entry{std::string(name), place_->node(*file)};
}

Listing PlacedDirectory::list(const Patience& patience) const {
  std::vector<Entry> entries;
  const Show keep = [&entries](const Entry& entry, Place /*place*/) {
    entries.push_back(entry);
    return true;
  };
  visit(0, keep, patience);
  return std::make_shared<const std::vector<Entry>>(std::move(entries));
}

void PlacedDirectory::visit(Place past, const Show& show, const Patience& /*patience*/) const {
  const FileTree& tree = place_->view().tree();
  const auto entries = tree.entries(index_);
  for (Place place = past; place < entries.size(); ++place) {
    const auto& name = entries[static_cast<std::size_t>(place)];
    // A whiteout of a long name: to be looked up, but no program has room for it in a listing.
    if (tree.text(name).size() > NAME_MAX) continue;
    const Entry entry{std::string(tree.text(name)), place_->node(name.file)};
    if (!show(entry, place + 1)) return;
  }
}

}  // namespace digestfs::fs
