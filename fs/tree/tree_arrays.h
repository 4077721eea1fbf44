// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/pageable_bytes.h"
#include "base/timestamp.h"
#include "fs/file_type.h"

namespace digestfs::fs {

/// A file, whatever names lead to it. The meaning of `size` and `where` depends on `type`.
struct FileRecord {
  std::int64_t modified_seconds = 0;
  std::uint64_t size = 0;   ///< a file's; the length of a link's target; a directory's entries
  std::uint64_t where = 0;  ///< of a file's content in its tar, of a link's target, of the first
                            ///< entry of a directory; a device's number as makedev(3) has it
  std::uint32_t modified_nanoseconds = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t links = 0;   ///< how many names it has; a directory's as `ls` shows it
  std::uint32_t layer = 0;   ///< which layer it comes from, 0 being the base
  std::uint32_t extras = 0;  ///< one more than their place, 0 where there are none
  std::uint16_t mode = 0;    ///< the permission bits, set-user-ID and its like among them
  FileType type = FileType::directory;
  bool implicit = false;     ///< a directory without an entry of its own (PATH-3)
  std::uint32_t unused = 0;  ///< fills the record up, so that all of its bytes have a value

  [[nodiscard]] Timestamp modified() const noexcept {
    return {modified_seconds, modified_nanoseconds};
  }
};

/// A name in a directory.
struct NameRecord {
  std::uint32_t offset = 0;  ///< in the texts
  std::uint32_t length = 0;
  std::uint32_t file = 0;
};

/// What nearly all of a tree is: its files, their names, and the texts of the names and of the
/// links' targets. Of a large tree they are in one piece of memory that is moved to the disk while
/// nobody uses it.
class TreeArrays {
 public:
  /// The size, in bytes, from which on it is worth a file to move them out.
  static constexpr std::size_t kLeastPageable = std::size_t{1} << 20U;

  /// Makes arrays of that many elements, to be filled.
  TreeArrays(std::size_t files, std::size_t names, std::size_t texts);
  /// Takes what is there already.
  TreeArrays(std::vector<FileRecord> files, std::vector<NameRecord> names, std::string texts);

  [[nodiscard]] std::span<const FileRecord> files() const noexcept { return files_; }
  [[nodiscard]] std::span<const NameRecord> names() const noexcept { return names_; }
  [[nodiscard]] std::string_view texts() const noexcept { return {texts_.data(), texts_.size()}; }
  /// The bytes of each array, to be filled before others read them.
  [[nodiscard]] std::span<std::byte> files_to_fill() noexcept;
  [[nodiscard]] std::span<std::byte> names_to_fill() noexcept;
  [[nodiscard]] std::span<std::byte> texts_to_fill() noexcept;

  /// How many bytes they are.
  [[nodiscard]] std::uint64_t bytes() const noexcept;

  /// Large arrays are moved out while nobody uses them: see `PageableBytes`. Small ones stay.
  void use() const {
    if (large_) large_->use();
  }
  void tidy(unsigned rounds, const PageableBytes::MakeFile& make_file) const {
    if (large_) large_->tidy(rounds, make_file);
  }

 private:
  /// What small arrays are in.
  struct Small {
    std::vector<FileRecord> files;
    std::vector<NameRecord> names;
    std::string texts;
  };

  void take(Small small);

  // Constant after construction. One of the first two is there; the others are parts of it.
  std::unique_ptr<Small> small_;
  std::unique_ptr<PageableBytes> large_;
  std::span<FileRecord> files_;
  std::span<NameRecord> names_;
  std::span<char> texts_;
};

}  // namespace digestfs::fs
