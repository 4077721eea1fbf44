// SPDX-License-Identifier: Apache-2.0
#include "fs/tree/tree_entrance.h"

#include <memory>

namespace digestfs::fs {

const DirectoryNodes& TreeEntrance::inside() const {
  if (const DirectoryNodes* tree = inside_.load(std::memory_order_acquire)) return *tree;
  // Whatever patience the request has: there is nothing to see before the layers are here.
  const FileNodes& files = enter_(Patience::unlimited());
  const std::scoped_lock making(making_);
  // If another thread was faster, its nodes are the ones.
  if (const DirectoryNodes* tree = inside_.load(std::memory_order_relaxed)) return *tree;
  const auto* made = inodes_.add_block<DirectoryNodes>(
      [&](InodeNumber first) { return std::make_unique<const DirectoryNodes>(first, files); });
  inside_.store(made, std::memory_order_release);
  return *made;
}

Attributes TreeEntrance::attributes() const {
  if (const DirectoryNodes* tree = inside_.load(std::memory_order_acquire))
    return tree->root().attributes();
  Attributes attributes;
  if (const FileNodes* files = glance_()) {
    attributes = files->attributes(FileTree::kRoot);
  } else {
    // What nearly every layer has, so that a copy of the directory is none that nobody may enter.
    attributes = {.type = FileType::directory,
                  .modified = created_,
                  .ownership = Ownership{.mode = 0755, .uid = 0, .gid = 0}};
  }
  attributes.valid = Clock::duration::zero();
  return attributes;
}

Xattrs TreeEntrance::xattrs() const {
  const DirectoryNodes* tree = inside_.load(std::memory_order_acquire);
  return tree == nullptr ? Xattrs{} : tree->root().xattrs();
}

std::optional<Entry> TreeEntrance::lookup(std::string_view name, const Patience& patience) const {
  return inside().root().lookup(name, patience);
}

Listing TreeEntrance::list(const Patience& patience) const {
  return inside().root().list(patience);
}

void TreeEntrance::visit(Position past, const Show& show, const Patience& patience) const {
  inside().root().visit(past, show, patience);
}

}  // namespace digestfs::fs
