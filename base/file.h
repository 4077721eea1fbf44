// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "base/handle.h"

// Opening files, and reading and writing whole ranges of them. These functions deal with EINTR and
// with short transfers. All of them throw `std::system_error`.

namespace digestfs {

/// Opens with O_CLOEXEC added. `directory` may be AT_FDCWD.
[[nodiscard]] UniqueFd open_file(int directory, const std::filesystem::path& path, int flags,
                                 unsigned mode = 0);

/// Says whether `open_regular` follows a link that has the name of the file.
enum class Links { followed, refused };

/// Opens a regular file for reading. Returns nothing where there is no file of that name, or where
/// something else has the name: a folder, a device, a fifo (which is not waited for), or a link
/// where links are refused.
[[nodiscard]] std::optional<UniqueFd> open_regular(int directory, const std::filesystem::path& path,
                                                   Links links);

/// Reads until `buffer` is full or the file ends. Returns how many bytes were read.
[[nodiscard]] std::size_t read_at(int fd, std::span<std::byte> buffer, std::uint64_t offset);

void write_all(int fd, std::span<const std::byte> bytes);
/// Writes at `offset`, and leaves the position of the file as it is.
void write_all_at(int fd, std::span<const std::byte> bytes, std::uint64_t offset);

/// Returns the rest of an open file, from its current position. Throws `Errc::too_large` if that is
/// more than `limit` bytes.
[[nodiscard]] std::string read_rest(int fd, std::size_t limit);

/// Returns a text as bytes, for writing and hashing.
[[nodiscard]] inline std::span<const std::byte> as_bytes(std::string_view text) noexcept {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// Returns bytes as a text, for parsing. The view is valid for as long as the bytes are.
[[nodiscard]] inline std::string_view as_text(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace digestfs
