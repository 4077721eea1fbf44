// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

// A header of a tar, which is one block: v7, ustar, pax, GNU or star (TAR-1, TAR-3, TAR-4).

namespace digestfs::archive {

inline constexpr std::size_t kTarBlock = 512;
using TarBlock = std::array<char, kTarBlock>;

enum class TarFormat { v7, ustar, gnu, star };

/// The fields as the block has them. Extended headers before the block may override them.
struct TarHeader {
  TarFormat format = TarFormat::v7;
  char type = 0;
  std::string name;
  std::string link;
  std::int64_t mode = 0;
  std::int64_t uid = 0;
  std::int64_t gid = 0;
  std::int64_t size = 0;
  std::int64_t modified = 0;  ///< seconds since 1970
  std::int64_t device_major = 0;
  std::int64_t device_minor = 0;
};

/// A run of bytes of a sparse file that the tar stores. The bytes between two runs are zeros.
struct SparseRun {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;

  [[nodiscard]] std::uint64_t end() const noexcept { return offset + length; }
  friend bool operator==(const SparseRun&, const SparseRun&) = default;
};

/// The part of a sparse map that one block holds, in GNU's old format (TAR-9).
struct SparsePart {
  std::vector<SparseRun> runs;
  bool goes_on = false;  ///< another block of the map follows
};

/// Returns true if the block has nothing but zeros. Two such blocks end an archive.
[[nodiscard]] bool is_zero(const TarBlock& block) noexcept;

/// Returns the header that `block` is, or nothing if its checksum or one of its numbers is wrong.
[[nodiscard]] std::optional<TarHeader> parse_header(const TarBlock& block);

/// The size of a file in GNU's old sparse format, and the first part of its map.
struct SparseHeader {
  std::int64_t size = 0;
  SparsePart map;
};
/// Returns them from a header's block, or nothing if one of its numbers is wrong.
[[nodiscard]] std::optional<SparseHeader> parse_sparse_header(const TarBlock& block);
/// Returns the part of such a map that a block after the header holds, or nothing if one of its
/// numbers is wrong.
[[nodiscard]] std::optional<SparsePart> parse_sparse_extension(const TarBlock& block);

}  // namespace digestfs::archive
