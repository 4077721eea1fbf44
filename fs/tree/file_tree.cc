// SPDX-License-Identifier: Apache-2.0
#include "fs/tree/file_tree.h"

#include <algorithm>
#include <utility>

namespace digestfs::fs {

std::uint64_t size_of(const FileExtras& extras) noexcept {
  constexpr std::uint64_t kPerXattr = 128;
  std::uint64_t size = sizeof(FileExtras) + extras.runs.size() * sizeof(archive::SparseRun) +
                       extras.defect.size() + extras.missing_target.size();
  for (const auto& [name, value] : extras.xattrs) size += name.size() + value.size() + kPerXattr;
  return size;
}

std::uint64_t size_of(const EarlyLink& link) noexcept {
  std::uint64_t size = sizeof(EarlyLink) + link.name.size();
  for (const std::string& target : link.targets) size += sizeof(std::string) + target.size();
  return size;
}

FileTree::FileTree(std::vector<FileRecord> files, std::vector<Name> names, std::string texts,
                   std::vector<FileExtras> extras, std::vector<EarlyLink> early_links)
    : FileTree(TreeArrays(std::move(files), std::move(names), std::move(texts)), std::move(extras),
               std::move(early_links)) {}

FileTree::FileTree(TreeArrays arrays, std::vector<FileExtras> extras,
                   std::vector<EarlyLink> early_links)
    : arrays_(std::move(arrays)),
      extras_(std::move(extras)),
      early_links_(std::move(early_links)),
      bytes_(arrays_.bytes()) {
  for (const FileExtras& one : extras_) bytes_ += size_of(one);
  for (const EarlyLink& link : early_links_) bytes_ += size_of(link);
}

std::span<const FileTree::Name> FileTree::entries(Index directory) const {
  const FileRecord& record = file(directory);
  return names().subspan(static_cast<std::size_t>(record.where),
                         static_cast<std::size_t>(record.size));
}

std::string_view FileTree::text(const Name& name) const {
  return texts().substr(name.offset, name.length);
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
  return texts().substr(static_cast<std::size_t>(symlink.where),
                        static_cast<std::size_t>(symlink.size));
}

const FileExtras& FileTree::extras(const FileRecord& file) const {
  static const FileExtras none;
  return file.extras == 0 ? none : extras_[file.extras - 1];
}

}  // namespace digestfs::fs
