// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "base/handle.h"

// Reading and writing of whole ranges; EINTR and short transfers are dealt with here, once.
// All of it throws `std::system_error`.

namespace digestfs {

/// Opens with O_CLOEXEC added. `directory` may be AT_FDCWD.
[[nodiscard]] UniqueFd open_file(int directory, const std::filesystem::path& path, int flags,
                                 unsigned mode = 0);

/// Reads until `buffer` is full or the file ends; returns how much was read.
[[nodiscard]] std::size_t read_at(int fd, std::span<std::byte> buffer, std::uint64_t offset);

void write_all(int fd, std::span<const std::byte> bytes);

/// The rest of an open file, from its current position, at most `limit` bytes.
/// Throws `Errc::too_large` when there is more.
[[nodiscard]] std::string read_rest(int fd, std::size_t limit);

/// A text as bytes, for writing and hashing.
[[nodiscard]] inline std::span<const std::byte> as_bytes(std::string_view text) noexcept {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// Bytes as a text, for parsing. The view lives as long as the bytes.
[[nodiscard]] inline std::string_view as_text(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace digestfs
