// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fs/tree/file_tree.h"

namespace digestfs::fs {

/// A file tree that is being put together: by `LayerBuilder` from the entries of a tar, or by
/// `RootfsBuilder` from layers. Files that no name leads to any more are dropped at the end.
class FileTreeBuilder {
 public:
  using Index = FileTree::Index;
  using Names = std::map<std::string, Index, std::less<>>;

  /// Bounds on what hostile layers may cost (TAR-11).
  struct Limits {
    /// Files, directories that are only implied among them.
    std::size_t files = std::size_t{4} << 20U;
    /// Components that may be walked on behalf of symbolic links.
    std::uint64_t link_steps = std::uint64_t{64} << 20U;
    /// What is kept of files besides their records and names: targets of links, extended
    /// attributes, sparse maps.
    std::uint64_t bytes = std::uint64_t{512} << 20U;
  };
  /// Symbolic links in one path, as containerd has it; the kernel gives up at 40 (PATH-4).
  static constexpr int kMaxLinks = 255;

  FileTreeBuilder() : FileTreeBuilder(Limits{}) {}
  /// Begins with an implicit root.
  explicit FileTreeBuilder(const Limits& limits);

  [[nodiscard]] FileRecord& file(Index index) { return files_[index]; }
  [[nodiscard]] const FileRecord& file(Index index) const { return files_[index]; }
  [[nodiscard]] std::size_t size() const noexcept { return files_.size(); }
  [[nodiscard]] bool is_directory(Index index) const {
    return files_[index].type == FileType::directory;
  }
  [[nodiscard]] const Names& names(Index directory) const;
  [[nodiscard]] std::optional<Index> find(Index directory, std::string_view name) const;

  /// Adds a file that has no name yet. Throws `Errc::too_large` if there are too many.
  Index add(FileRecord record);
  /// Returns the record of a directory that has no entry of its own: mode 0755, owned by root
  /// (PATH-3).
  [[nodiscard]] static FileRecord implicit_directory();
  /// Gives `file` a name in `directory`. A file that has the name already loses it.
  void put(Index directory, std::string_view name, Index file);
  void remove(Index directory, std::string_view name);
  void clear(Index directory);

  /// These throw `Errc::too_large` beyond `Limits::bytes`.
  void set_link_target(Index symlink, std::string target);
  [[nodiscard]] const std::string& link_target(Index symlink) const;
  void set_extras(Index file, FileExtras extras);
  [[nodiscard]] const FileExtras& extras(Index file) const;
  void add_early_link(EarlyLink link);

  /// What `walk` does where a path leads to nothing, or to something that is no directory.
  enum class Missing {
    stop,  ///< it ends without a result
    make,  ///< it puts a directory there
  };
  struct Walked {
    std::optional<Index> directory;  ///< absent if the path leads to none
    bool too_many_links = false;
    bool replaced = false;  ///< a file gave way to a directory
  };
  /// Returns the directory at `path`, seen from `directory`. Follows symbolic links; neither they
  /// nor `..` lead out of the root (PATH-4).
  [[nodiscard]] Walked walk(Index directory, std::string_view path, Missing missing);
  /// Returns the file at `path`, seen from the root, or nothing. A symbolic link that is the last
  /// component is not followed (HL-1).
  [[nodiscard]] std::optional<Index> find_path(std::string_view path);
  /// Returns the absolute `target` of a link so that no `..` in it leads above the root: whatever
  /// stands before a `..` is resolved, as far as the tree has it.
  [[nodiscard]] std::string below_root(std::string_view target);

  /// Returns the tree. The builder is used up, and what it took is given back to the system.
  [[nodiscard]] FileTree finish();

 private:
  /// A directory's entries, and where it is.
  struct Contents {
    Names names;
    Index parent = FileTree::kRoot;
  };

  [[nodiscard]] FileTree assemble();
  void charge(std::uint64_t bytes);
  [[nodiscard]] Contents& contents(Index directory);
  [[nodiscard]] const Contents& contents(Index directory) const;

  Limits limits_;
  std::uint64_t link_steps_ = 0;
  std::uint64_t bytes_ = 0;
  // While it is built a directory's `where` is its place among the contents, a link's among the
  // targets.
  std::vector<FileRecord> files_;
  std::vector<Contents> contents_;
  std::vector<std::string> targets_;
  std::vector<FileExtras> extras_;
  std::vector<EarlyLink> early_links_;
};

/// The components of a path without empty ones and `.`; each `..` has removed the component before
/// it (PATH-1).
struct CleanPath {
  std::vector<std::string_view> components;
  bool escapes = false;  ///< a `..` found no component to remove
};
[[nodiscard]] CleanPath clean_path(std::string_view path);

/// Bytes as a text for people and JSON: what is not printable ASCII as `\xNN`, a backslash doubled
/// (PATH-2). Nothing is lost.
[[nodiscard]] std::string printable(std::string_view bytes);

}  // namespace digestfs::fs
