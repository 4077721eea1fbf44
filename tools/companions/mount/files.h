// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <sys/stat.h>

// Reading the files of a mount. All functions throw `Error`, whose message says in the words of the
// mount what the kernel's error means. What does not exist is a value, not an error.

namespace digestfs::companions {

/// Throws the `Error` for the error number `problem`, that came when the program tried to do
/// `doing`, such as "read", with `path`.
[[noreturn]] void throw_mount_error(std::string_view doing, const std::filesystem::path& path,
                                    int problem);

/// Returns the attributes of what `path` is, without following a link at its end.
[[nodiscard]] std::optional<struct stat> status_of(const std::filesystem::path& path);

/// Returns the size of the file that `path` leads to.
[[nodiscard]] std::optional<std::uint64_t> size_of(const std::filesystem::path& path);

/// Returns where the link `path` leads, or nothing if there is nothing of that name, or no link.
[[nodiscard]] std::optional<std::string> link_target(const std::filesystem::path& path);

/// Returns the extended attribute `name` of what `path` leads to.
[[nodiscard]] std::optional<std::string> attribute(const std::filesystem::path& path,
                                                   const std::string& name);

/// Returns the extended attributes of `path` itself, also where it is a link.
[[nodiscard]] std::map<std::string, std::string> own_attributes(const std::filesystem::path& path);

/// Returns the names in the folder `path` in order, without `.` and `..`, or nothing if there is no
/// such folder.
[[nodiscard]] std::optional<std::vector<std::string>> names_in(const std::filesystem::path& path);

/// Returns the content of the regular file `path`. Throws `Errc::too_large` for more than `limit`.
[[nodiscard]] std::string read_text(const std::filesystem::path& path, std::size_t limit);

/// Passes the content of the regular file `path` to `take`, piece by piece. Returns its size.
std::uint64_t read_pieces(const std::filesystem::path& path,
                          const std::function<void(std::span<const std::byte>)>& take);

/// Returns true if two regular files have the same content.
[[nodiscard]] bool has_same_content(const std::filesystem::path& a, const std::filesystem::path& b);

/// Returns `path` without links, or nothing if it does not exist.
[[nodiscard]] std::optional<std::filesystem::path> real_path(const std::filesystem::path& path);

}  // namespace digestfs::companions
