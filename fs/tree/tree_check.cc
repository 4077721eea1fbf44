// SPDX-License-Identifier: Apache-2.0
#include "fs/tree/tree_check.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include <linux/limits.h>

#include "archive/tar_sparse.h"

namespace digestfs::fs {
namespace {

constexpr std::uint32_t kNanoseconds = 1'000'000'000;
constexpr unsigned kPermissions = 07777;

/// Returns true if `length` bytes, or other things, from `offset` on lie within `size`.
constexpr bool is_within(std::uint64_t offset, std::uint64_t length, std::uint64_t size) noexcept {
  return offset <= size && length <= size - offset;
}

/// Returns true if `name` can be the name of a file.
bool is_component(std::string_view name) noexcept {
  return !name.empty() && name.size() <= PATH_MAX && name != "." && name != ".." &&
         name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

bool is_xattr(std::string_view name, std::string_view value) noexcept {
  return !name.empty() && name.size() <= XATTR_NAME_MAX && value.size() <= XATTR_SIZE_MAX &&
         name.find('\0') == std::string_view::npos;
}

bool are_sound(const FileExtras& extras) {
  std::size_t listed = 0;
  for (const auto& [name, value] : extras.xattrs) {
    if (!is_xattr(name, value)) return false;
    listed += name.size() + 1;
  }
  return listed <= XATTR_LIST_MAX;
}

class TreeCheck {
 public:
  TreeCheck(const FileTree& tree, std::uint64_t tar_size)
      : tree_(tree), tar_size_(tar_size), links_(tree.files().size()) {}

  [[nodiscard]] bool run() {
    const auto files = tree_.files();
    if (files.empty() || files.front().type != FileType::directory) return false;
    const auto is_directory = [](const FileRecord& file) {
      return file.type == FileType::directory;
    };
    if (!std::ranges::is_partitioned(files, is_directory)) return false;
    directories_ = static_cast<std::size_t>(std::ranges::count_if(files, is_directory));
    return are_names_shared_out() && std::ranges::all_of(tree_.all_extras(), are_sound) &&
           std::ranges::all_of(files, [this](const FileRecord& file) { return is_record(file); }) &&
           std::ranges::all_of(tree_.early_links(),
                               [this](const EarlyLink& link) {
                                 return link.directory < directories_ && is_component(link.name);
                               }) &&
           walk() && have_links();
  }

 private:
  [[nodiscard]] bool is_record(const FileRecord& file) const {
    if (file.type > FileType::fifo || file.layer != 0 || file.unused != 0 ||
        file.modified_nanoseconds >= kNanoseconds || file.mode > kPermissions ||
        file.extras > tree_.all_extras().size()) {
      return false;
    }
    switch (file.type) {
      case FileType::symlink:
        return file.size > 0 && file.size < PATH_MAX &&
               is_within(file.where, file.size, tree_.texts().size());
      case FileType::file:
        return is_content(file);
      default:
        return true;
    }
  }

  /// Returns true if each name is an entry of one directory: they stand in the directories' order.
  [[nodiscard]] bool are_names_shared_out() const {
    std::uint64_t next = 0;
    for (const FileRecord& directory : tree_.files().first(directories_)) {
      if (directory.where != next || !is_within(next, directory.size, tree_.names().size())) {
        return false;
      }
      next += directory.size;
    }
    return next == tree_.names().size();
  }

  [[nodiscard]] bool is_content(const FileRecord& file) const {
    if (file.size > INT64_MAX) return false;
    const FileExtras& extras = tree_.extras(file);
    if (!extras.defect.empty()) return true;  // Nobody can open it.
    std::uint64_t stored = file.size;
    if (extras.sparse) {
      if (!archive::is_valid_map(extras.runs, file.size)) return false;
      stored = 0;
      for (const archive::SparseRun& run : extras.runs) stored += run.length;
    }
    return is_within(file.where, stored, tar_size_);
  }

  /// Counts the names of each file. Returns false if the directories form no tree.
  [[nodiscard]] bool walk() {
    std::vector<FileTree::Index> open{FileTree::kRoot};
    while (!open.empty()) {
      const FileTree::Index directory = open.back();
      open.pop_back();
      std::string_view before;
      for (const FileTree::Name& name : tree_.entries(directory)) {
        if (!is_within(name.offset, name.length, tree_.texts().size())) return false;
        const std::string_view text = tree_.text(name);
        if (!is_component(text) || text <= before) return false;
        before = text;
        if (name.file == FileTree::kRoot || name.file >= links_.size()) return false;
        if (++links_[name.file] > 1 && name.file < directories_) return false;
        if (name.file >= directories_) continue;
        ++links_[directory];  // by its `..`
        open.push_back(name.file);
      }
    }
    return true;
  }

  /// Returns true if each file has as many names as its record says, and at least one.
  [[nodiscard]] bool have_links() const {
    for (std::size_t i = 0; i < links_.size(); ++i) {
      const std::uint32_t found = links_[i];
      if (i != FileTree::kRoot && found == 0) return false;
      // A directory has a name and its `.`; the root has no name, but is its own parent.
      const std::uint32_t own = i == FileTree::kRoot ? 2 : i < directories_ ? 1 : 0;
      if (tree_.files()[i].links != found + own) return false;
    }
    return true;
  }

  const FileTree& tree_;
  std::uint64_t tar_size_;
  std::size_t directories_ = 0;
  std::vector<std::uint32_t> links_;  ///< how many names lead to each file, so far
};

}  // namespace

bool is_sound(const FileTree& tree, std::uint64_t tar_size) {
  return TreeCheck(tree, tar_size).run();
}

}  // namespace digestfs::fs
