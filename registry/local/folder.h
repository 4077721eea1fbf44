// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/handle.h"

namespace digestfs::registry {

/// Returns the absolute path of `path`, without a slash at the end, which makes no other place.
[[nodiscard]] std::filesystem::path absolute_path(const std::filesystem::path& path);

/// A folder on disk that another program writes to, open for reading. A path that is passed to it
/// is relative, and made of names that were checked. All functions throw `Errc::denied` if this
/// process may not look.
class Folder {
 public:
  /// Opens `path`. Returns nothing if there is no folder of that name.
  [[nodiscard]] static std::optional<Folder> open(const std::filesystem::path& path);
  /// Opens `path`, which is the source `name`. Throws `Errc::not_found` if there is no folder of
  /// that name.
  [[nodiscard]] static Folder open_source(const std::string& name,
                                          const std::filesystem::path& path);

  /// Opens the folder `path` in this folder. Returns nothing if there is none; a link is followed
  /// or counts as none, as `links` says.
  [[nodiscard]] std::optional<Folder> folder(const std::string& path, Links links) const;
  /// Returns true if there is a folder `path` in this folder. A link to a folder counts.
  [[nodiscard]] bool has_folder(const std::string& path) const;

  /// Opens the regular file `path` in this folder. Returns nothing if there is none. Follows
  /// links as `open_local` does.
  [[nodiscard]] std::optional<UniqueFd> file(const std::string& path) const;
  /// Returns the whole of the regular file `path`, or nothing if there is none. Throws
  /// `Errc::too_large` if it has more than `limit` bytes.
  [[nodiscard]] std::optional<std::string> read(const std::string& path, std::size_t limit) const;

  /// Returns the names of all entries, sorted. Throws `Errc::too_large` if there are more than
  /// `limit`.
  [[nodiscard]] std::vector<std::string> names(std::size_t limit) const;

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

 private:
  explicit Folder(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace digestfs::registry
