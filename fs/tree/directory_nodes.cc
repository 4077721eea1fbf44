// SPDX-License-Identifier: Apache-2.0
#include "fs/tree/directory_nodes.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <linux/limits.h>

namespace digestfs::fs {

DirectoryNodes::DirectoryNodes(InodeNumber first, const FileNodes& files) : files_(files) {
  for (FileTree::Index i = 0; i < files.directories(); ++i) {
    directories_.emplace_back(first + i, *this, i);
  }
}

const Node* DirectoryNodes::find(std::uint64_t offset) const {
  return offset < directories_.size() ? &directories_[static_cast<std::size_t>(offset)] : nullptr;
}

const Node* DirectoryNodes::node(FileTree::Index index) const {
  return index < directories_.size() ? &directories_[index] : files_.node(index);
}

Attributes DirectoryNode::attributes() const { return nodes_->files().attributes(index_); }

Xattrs DirectoryNode::xattrs() const { return nodes_->files().xattrs(index_); }

std::optional<Entry> DirectoryNode::lookup(std::string_view name,
                                           const Patience& /*patience*/) const {
  const auto file = nodes_->files().tree().find(index_, name);
  if (!file) return std::nullopt;
  return Entry{std::string(name), nodes_->node(*file)};
}

Listing DirectoryNode::list(const Patience& patience) const {
  std::vector<Entry> entries;
  const Show keep = [&entries](const Shown& entry, Position /*position*/) {
    entries.push_back({std::string(entry.name), entry.node, entry.valid});
    return true;
  };
  visit(0, keep, patience);
  return std::make_shared<const std::vector<Entry>>(std::move(entries));
}

void DirectoryNode::visit(Position past, const Show& show, const Patience& /*patience*/) const {
  const FileTree& tree = nodes_->files().tree();
  const auto entries = tree.entries(index_);
  for (Position position = past; position < entries.size(); ++position) {
    const auto& name = entries[static_cast<std::size_t>(position)];
    // A whiteout of a long name: to be looked up, but no program has room for it in a listing.
    const std::string_view text = tree.text(name);
    if (text.size() > NAME_MAX) continue;
    if (!show({text, nodes_->node(name.file)}, position + 1)) return;
  }
}

}  // namespace digestfs::fs
