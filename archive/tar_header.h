// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

// One block of a tar that is a header: v7, ustar, pax, GNU or star (TAR-1, TAR-3, TAR-4).

namespace digestfs::archive {

inline constexpr std::size_t kTarBlock = 512;
using TarBlock = std::array<char, kTarBlock>;

enum class TarFormat { v7, ustar, gnu, star };

/// The fields as they stand in the block, not yet overridden by what came before it.
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

/// Bytes of a sparse file that are stored; what lies between two runs is zeros.
struct SparseRun {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;

  [[nodiscard]] std::uint64_t end() const noexcept { return offset + length; }
  friend bool operator==(const SparseRun&, const SparseRun&) = default;
};

/// The part of a sparse map that one block holds, in GNU's old format (TAR-9).
struct SparsePart {
  std::vector<SparseRun> runs;
  bool goes_on = false;  ///< in a block of its own that follows
};

[[nodiscard]] bool is_zero(const TarBlock& block) noexcept;

/// Nothing where the checksum is wrong or a field makes no number.
[[nodiscard]] std::optional<TarHeader> parse_header(const TarBlock& block);

/// The size of a file in GNU's old sparse format, and the beginning of its map.
struct SparseHeader {
  std::int64_t size = 0;
  SparsePart map;
};
[[nodiscard]] std::optional<SparseHeader> parse_sparse_header(const TarBlock& block);
/// A block that goes on with such a map.
[[nodiscard]] std::optional<SparsePart> parse_sparse_extension(const TarBlock& block);

}  // namespace digestfs::archive
