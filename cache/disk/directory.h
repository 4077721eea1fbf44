// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>

#include "base/guarded.h"
#include "base/handle.h"

namespace digestfs::cache {

/// Returns whether both are the same file: the same inode of the same device.
[[nodiscard]] bool is_same_file(const struct stat& a, const struct stat& b) noexcept;

/// Returns true if another user may write to a file of this `status`: its group, or everybody.
[[nodiscard]] bool is_writable_by_others(const struct stat& status) noexcept;

/// The attributes of an open file. Throws `std::system_error`.
[[nodiscard]] struct stat stat_of(int fd);

/// The folder that a cache is in, and the only code that opens, renames, lists or removes files in
/// it. The folder is held by its descriptor. A path is relative to it, such as
/// `blobs/sha256/<hex>`; its parts come from checked names. No link is ever followed, so nothing
/// outside of the folder is touched, whatever somebody puts into it. Only regular files count.
/// Where something else (a folder, link, fifo, socket or device) has a name that the cache needs,
/// it is moved aside: renamed to `NAME.aside`, `NAME.aside.1` and so on, and kept.
///
/// The folder, or anything in it, may disappear at any time: whatever writes makes the folders
/// again that it needs.
///
/// Safe for concurrent use by threads and processes. Throws `std::system_error`, of which the code
/// is EIO unless a limit was met (no space, no descriptor, no memory): EISDIR or ENOENT would tell
/// the reader of a mount something wrong about the file that was opened.
class Directory {
 public:
  /// Opens the folder `path`, made for its user alone where it is missing. Throws the plain cause
  /// where it cannot be used: it is no folder, it belongs to somebody else, or the path leads
  /// through a link of somebody else. Warns where others can write to it.
  explicit Directory(const std::filesystem::path& path);

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

  /// Opens a regular file for reading. Returns nothing where there is none that can be read: then
  /// it has to be made anew.
  [[nodiscard]] std::optional<UniqueFd> open(const std::string& path) const;

  /// Opens a regular file for reading and writing, and makes it (0600) where there is none.
  [[nodiscard]] UniqueFd make(const std::string& path) const;

  /// Says whether a file that has no name may get one (`link`).
  enum class Name { never, later };

  /// Makes a file (0600) for reading and writing that has no name. Not every file system has such
  /// files.
  [[nodiscard]] UniqueFd make_unnamed(Name name) const;

  /// Gives a `file` that has no name the name `path`, which no file has. Returns false if that
  /// cannot be done.
  [[nodiscard]] bool link(int file, const std::string& path) const;

  /// Makes a folder, and those above it, where they are missing.
  void make_folder(const std::string& path) const;

  /// Gives the file `from` the name `to`, and replaces the file that has it.
  void rename(const std::string& from, const std::string& to) const;

  /// Takes the name of a file away. Returns whether no file has the name any more.
  bool remove(const std::string& path) const noexcept;

  /// The attributes of what has the name `path`; nothing where nothing has.
  [[nodiscard]] std::optional<struct stat> status(const std::string& path) const;

  /// Returns whether `path` is the name of the open file `fd`.
  [[nodiscard]] bool is_named(const std::string& path, int fd) const;

  /// The names in a folder, without `.` and `..`; none where there is no such folder.
  [[nodiscard]] std::vector<std::string> names_in(const std::string& folder) const;

  /// Returns why the file or folder `path` cannot be read; nothing where it can be, or where there
  /// is none. `open` and `names_in` do not tell one that is missing from one that cannot be read.
  [[nodiscard]] std::optional<std::string> why_unreadable(const std::string& path) const;

  /// Returns true if another user may write to the folder itself, and so put anything into it.
  [[nodiscard]] bool is_shared() const;

  /// How much room the disk has.
  struct Room {
    std::uint64_t size = 0;
    std::uint64_t free = 0;
  };
  [[nodiscard]] Room room() const;

 private:
  using Root = std::shared_ptr<const UniqueFd>;
  [[nodiscard]] Root root() const { return *root_.lock(); }
  [[nodiscard]] std::optional<UniqueFd> find_folder(const std::string& path) const;
  [[nodiscard]] UniqueFd make_folder_of(const std::string& path) const;
  [[nodiscard]] std::optional<UniqueFd> make_folders(int root, std::string_view folders) const;
  void move_aside(int folder, const std::string& name, const std::string& path) const;
  [[noreturn]] void fail(std::string_view doing, const std::string& path, int cause) const;

  // Constant after construction.
  std::filesystem::path path_;
  // Guarded by the lock it lives in.
  mutable Guarded<Root> root_;
};

}  // namespace digestfs::cache
