// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace digestfs::test {

/// A header of a tar, made field by field, for tars that no writer makes.
class TarBlockBuilder {
 public:
  /// A ustar header of a file.
  explicit TarBlockBuilder(std::string_view name, char type = '0', std::uint64_t size = 0);

  /// Puts bytes at an offset.
  TarBlockBuilder& put(std::size_t offset, std::string_view bytes);
  TarBlockBuilder& link(std::string_view target) { return put(157, target); }
  TarBlockBuilder& prefix(std::string_view prefix) { return put(345, prefix); }
  TarBlockBuilder& magic(std::string_view magic) { return put(257, magic); }
  TarBlockBuilder& gnu() { return magic(std::string_view("ustar  \0", 8)); }
  TarBlockBuilder& v7() { return magic(std::string_view("\0\0\0\0\0\0\0\0", 8)); }
  /// A number in base 256, `width` bytes from `offset` (TAR-3).
  TarBlockBuilder& base256(std::size_t offset, std::size_t width, std::int64_t value);

  /// The block, its checksum right.
  [[nodiscard]] std::string block() const;
  /// The block with a checksum that is one off.
  [[nodiscard]] std::string broken() const;

 private:
  [[nodiscard]] std::string with_checksum(unsigned off) const;

  std::string block_;
};

/// Content, padded to whole blocks.
[[nodiscard]] std::string padded(std::string_view content);
/// A file with its content.
[[nodiscard]] std::string tar_file(std::string_view name, std::string_view content = {});
/// A pax header of these records, for the entry that follows; `type` 'g' for a global one.
[[nodiscard]] std::string pax_header(
    const std::vector<std::pair<std::string, std::string>>& records, char type = 'x');
/// GNU's header for a long name ('L') or link ('K').
[[nodiscard]] std::string gnu_long(char type, std::string_view text);
/// The two blocks of zeros that end an archive.
[[nodiscard]] std::string tar_end();

}  // namespace digestfs::test
