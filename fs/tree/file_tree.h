// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "archive/tar_header.h"
#include "fs/tree/tree_arrays.h"

namespace digestfs::fs {

/// What few files have. It is kept apart so that the records of the many stay small.
struct FileExtras {
  std::map<std::string, std::string> xattrs;
  bool sparse = false;
  std::vector<archive::SparseRun> runs;  ///< of a sparse file
  /// Why the file's content cannot be shown, or empty.
  std::string defect;
  /// The target of a hard link whose own layer has no such file (HL-1), or empty.
  std::string missing_target;
};

/// A name that a hard link gave to a file that comes after it in the same layer. If a lower layer
/// has a file at one of `targets`, the first of them that does is what the name leads to in a
/// rootfs (HL-1).
struct EarlyLink {
  std::uint32_t directory = 0;  ///< the directory that has the name
  std::string name;
  std::vector<std::string> targets;  ///< paths: the link's own, and those of links it leads through
};

/// About how many bytes of memory these take.
[[nodiscard]] std::uint64_t size_of(const FileExtras& extras) noexcept;
[[nodiscard]] std::uint64_t size_of(const EarlyLink& link) noexcept;

/// The files of a layer, or of layers merged: names and metadata, no content. Built once
/// (`FileTreeBuilder`) and immutable, so that no lock is needed to walk it. It takes 68 bytes an
/// entry beyond its name, and its nodes (`FileNodes`) some 30 more. All of that but the extras and
/// the early links, which few files have, can be moved out while nobody uses it.
class FileTree {
 public:
  using Index = std::uint32_t;
  static constexpr Index kRoot = 0;

  using Name = NameRecord;

  FileTree(TreeArrays arrays, std::vector<FileExtras> extras,
           std::vector<EarlyLink> early_links = {});
  FileTree(std::vector<FileRecord> files, std::vector<Name> names, std::string texts,
           std::vector<FileExtras> extras, std::vector<EarlyLink> early_links = {});

  /// About how many bytes of memory the tree takes.
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

  /// Says that the caller reads the tree now, and has it brought back if it was moved out. Throws
  /// what `PageableBytes::use` throws.
  void use() const { arrays_.use(); }
  /// Moves the tree out while nobody uses it: see `PageableBytes::tidy`.
  void tidy(unsigned rounds, const PageableBytes::MakeFile& make_file) const {
    arrays_.tidy(rounds, make_file);
  }

  /// All files. The directories come first, and the root is the first of them.
  [[nodiscard]] std::span<const FileRecord> files() const noexcept { return arrays_.files(); }
  [[nodiscard]] const FileRecord& file(Index index) const { return files()[index]; }

  /// The entries of all directories, and the texts that they and the links' targets are parts of.
  [[nodiscard]] std::span<const Name> names() const noexcept { return arrays_.names(); }
  [[nodiscard]] std::string_view texts() const noexcept { return arrays_.texts(); }
  [[nodiscard]] std::span<const FileExtras> all_extras() const noexcept { return extras_; }

  /// The entries of a directory, in the order of their names' bytes.
  [[nodiscard]] std::span<const Name> entries(Index directory) const;
  [[nodiscard]] std::string_view text(const Name& name) const;
  /// Returns the entry `name` of a directory, or nothing.
  [[nodiscard]] std::optional<Index> find(Index directory, std::string_view name) const;

  [[nodiscard]] std::string_view link_target(const FileRecord& symlink) const;
  /// Returns the extras of a file; they are empty if it has none.
  [[nodiscard]] const FileExtras& extras(const FileRecord& file) const;
  /// The names that lower layers may make lead elsewhere.
  [[nodiscard]] std::span<const EarlyLink> early_links() const noexcept { return early_links_; }

 private:
  // Constant after construction.
  TreeArrays arrays_;
  std::vector<FileExtras> extras_;
  std::vector<EarlyLink> early_links_;
  std::uint64_t bytes_;
};

}  // namespace digestfs::fs
