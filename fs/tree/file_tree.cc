// SPDX-License-Identifier: Apache-2.0
#include "fs/tree/file_tree.h"

#include <algorithm>

namespace digestfs::fs {

std::span<const FileTree::Name> FileTree::entries(Index directory) const {
  const FileRecord& record = files_[directory];
  return std::span(names_).subspan(static_cast<std::size_t>(record.where),
                                   static_cast<std::size_t>(record.size));
}

std::string_view FileTree::text(const Name& name) const {
  return std::string_view(texts_).substr(name.offset, name.length);
}

std::optional<FileTree::Index> FileTree::find(Index directory, std::string_view name) const {
  const auto all = entries(directory);
  const auto at = std::lower_bound(
      all.begin(), all.end(), name,
      [this](const Name& entry, std::string_view wanted) { return text(entry) < wanted; });
  if (at == all.end() || text(*at) != name) return std::nullopt;
  return at->file;
}

std::string_view FileTree::link_target(const FileRecord& symlink) const {
  return std::string_view(texts_).substr(static_cast<std::size_t>(symlink.where),
                                         static_cast<std::size_t>(symlink.size));
}

const FileExtras& FileTree::extras(const FileRecord& file) const {
  static const FileExtras none;
  return file.extras == 0 ? none : extras_[file.extras - 1];
}

}  // namespace digestfs::fs
