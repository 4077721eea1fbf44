// SPDX-License-Identifier: Apache-2.0
#include "cache/disk/directory.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "cache/disk/root.h"

namespace digestfs::cache {
namespace {

using DirectoryHandle = std::unique_ptr<DIR, Deleter<closedir>>;

// How often something is tried again that somebody else has undone meanwhile.
constexpr int kMaxTries = 8;
// How many things of one name can be kept aside.
constexpr int kMaxAside = 1000;

/// The two parts of a path: the folders, empty for the cache's own, and the name in the last one.
struct Parts {
  explicit Parts(std::string_view path) {
    const auto slash = path.rfind('/');
    if (slash != std::string_view::npos) folders = path.substr(0, slash);
    name = path.substr(slash == std::string_view::npos ? 0 : slash + 1);
  }

  std::string folders;
  std::string name;
};

int open_at(int folder, const char* name, int flags, unsigned mode = 0) noexcept {
  for (;;) {
    const int fd = ::openat(folder, name, flags | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd >= 0 || errno != EINTR) return fd;
  }
}

/// Opens `folders` below `root` one after the other. For kernels without openat2 (before 5.6), and
/// sandboxes that forbid it.
int walk(int root, std::string_view folders, int flags) noexcept try {
  UniqueFd at;
  while (!folders.empty()) {
    const auto slash = folders.find('/');
    const std::string name(folders.substr(0, slash));
    folders = slash == std::string_view::npos ? std::string_view() : folders.substr(slash + 1);
    const int fd = open_at(at ? at.get() : root, name.c_str(),
                           (folders.empty() ? flags : O_PATH) | O_DIRECTORY);
    if (fd < 0) return -1;
    at = UniqueFd(fd);
  }
  return at.release();
} catch (const std::bad_alloc&) {
  errno = ENOMEM;
  return -1;
}

/// Opens the folder `path` below `root`, without following a link. Returns -1 and sets errno where
/// that fails.
int open_folder(int root, const std::string& path, int flags) noexcept {
  if (path.empty()) return open_at(root, ".", flags | O_DIRECTORY);
  static std::atomic<bool> has_openat2{true};
  if (has_openat2) {
    open_how how{};
    how.flags = static_cast<std::uint64_t>(flags | O_DIRECTORY | O_CLOEXEC);
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
    long fd = -1;
    do {
      fd = ::syscall(SYS_openat2, root, path.c_str(), &how, sizeof(how));
    } while (fd < 0 && (errno == EINTR || errno == EAGAIN));
    if (fd >= 0 || (errno != ENOSYS && errno != EPERM)) return static_cast<int>(fd);
    has_openat2 = false;
  }
  return walk(root, path, flags);
}

/// Returns whether an error is about this process or the disk as a whole, not about one file.
bool is_limit(int cause) noexcept {
  constexpr std::array<int, 5> kLimits{ENOSPC, EDQUOT, EMFILE, ENFILE, ENOMEM};
  return std::ranges::find(kLimits, cause) != kLimits.end();
}

/// Opens the regular file `name` in `folder`. Returns nothing, with errno 0, where something else
/// has the name, and nothing, with its errno, where opening fails.
std::optional<UniqueFd> open_file_in(int folder, const std::string& name, int flags) {
  struct stat status {};
  // Before it is opened: opening a device may do something.
  if (::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
    if (!S_ISREG(status.st_mode)) {
      errno = 0;
      return std::nullopt;
    }
  } else if (errno != ENOENT || (flags & O_CREAT) == 0) {
    return std::nullopt;
  }
  // O_NONBLOCK: it may have become a fifo meanwhile.
  const int fd = open_at(folder, name.c_str(), flags | O_NONBLOCK | O_NOCTTY, 0600);
  if (fd < 0) return std::nullopt;
  UniqueFd file(fd);
  if (::fstat(fd, &status) != 0) return std::nullopt;
  if (S_ISREG(status.st_mode)) return file;
  errno = 0;
  return std::nullopt;
}

/// Renames within a folder unless something has the new name already (EEXIST). Returns 0 or -1.
int rename_if_free(int folder, const std::string& from, const std::string& to) noexcept {
  if (::renameat2(folder, from.c_str(), folder, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return -1;
  // Not every file system can do it in one step.
  struct stat status {};
  if (::fstatat(folder, to.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
    errno = EEXIST;
    return -1;
  }
  return ::renameat(folder, from.c_str(), folder, to.c_str());
}

}  // namespace

bool is_same_file(const struct stat& a, const struct stat& b) noexcept {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool is_writable_by_others(const struct stat& status) noexcept {
  return (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

struct stat stat_of(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) throw_system_error("stat a file of the cache");
  return status;
}

Directory::Directory(const std::filesystem::path& path) : path_(std::filesystem::absolute(path)) {
  *root_.lock() = std::make_shared<const UniqueFd>(open_root(path_));
}

void Directory::fail(std::string_view doing, const std::string& path, int cause) const {
  const std::string what = str_cat("cannot ", doing, " ", path_.native(), "/", path);
  if (is_limit(cause)) throw std::system_error(cause, std::generic_category(), what);
  throw std::system_error(EIO, std::generic_category(),
                          str_cat(what, ": ", std::generic_category().message(cause)));
}

std::optional<UniqueFd> Directory::find_folder(const std::string& path) const {
  const int fd = open_folder(root()->get(), path, O_PATH);
  if (fd >= 0) return UniqueFd(fd);
  if (is_limit(errno)) fail("open", path, errno);
  return std::nullopt;
}

std::optional<UniqueFd> Directory::open(const std::string& path) const {
  const Parts parts(path);
  const auto folder = find_folder(parts.folders);
  if (!folder) return std::nullopt;
  auto file = open_file_in(folder->get(), parts.name, O_RDONLY);
  if (!file && is_limit(errno)) fail("open", path, errno);
  return file;
}

UniqueFd Directory::make(const std::string& path) const {
  const Parts parts(path);
  int cause = EEXIST;
  for (int i = 0; i < kMaxTries; ++i) {
    const UniqueFd folder = make_folder_of(path);
    if (auto file = open_file_in(folder.get(), parts.name, O_RDWR | O_CREAT)) {
      return *std::move(file);
    }
    cause = errno == 0 ? EEXIST : errno;
    if (is_limit(cause) || cause == EROFS) break;
    // The folder has disappeared with what is in it, or something is in the way.
    if (cause != ENOENT) move_aside(folder.get(), parts.name, path);
  }
  fail("make the file", path, cause);
}

UniqueFd Directory::make_unnamed(Name name) const {
  const UniqueFd folder = make_folder_of("partial/");
  // O_EXCL here means that the file never gets a name.
  const int flags = O_TMPFILE | O_RDWR | (name == Name::never ? O_EXCL : 0);
  UniqueFd file(open_at(folder.get(), ".", flags, 0600));
  if (!file) fail("make a file without a name in", "partial", errno);
  return file;
}

bool Directory::link(int file, const std::string& path) const {
  const UniqueFd folder = make_folder_of(path);
  const std::string from = str_cat("/proc/self/fd/", file);
  return ::linkat(AT_FDCWD, from.c_str(), folder.get(), Parts(path).name.c_str(),
                  AT_SYMLINK_FOLLOW) == 0;
}

void Directory::make_folder(const std::string& path) const {
  static_cast<void>(make_folder_of(path + "/"));
}

UniqueFd Directory::make_folder_of(const std::string& path) const {
  const Parts parts(path);
  int cause = ENOENT;
  for (int i = 0; i < kMaxTries; ++i) {
    const Root held = root();
    const int fd = open_folder(held->get(), parts.folders, O_PATH);
    if (fd >= 0) {
      if (!parts.folders.empty() || stat_of(fd).st_nlink > 0) return UniqueFd(fd);
      ::close(fd);
    } else if (is_limit(errno)) {
      fail("open", parts.folders, errno);
    } else if (auto folder = make_folders(held->get(), parts.folders)) {
      return *std::move(folder);
    } else {
      cause = errno;
      if (cause != ENOENT) break;
    }
    // The cache's own folder was removed, or replaced by another one.
    const auto again = std::make_shared<const UniqueFd>(open_root(path_));
    *root_.lock() = again;
  }
  fail("make the folder", parts.folders, cause);
}

/// Makes the folders that are missing and moves aside what has their names. Returns the last one,
/// or nothing with errno set.
std::optional<UniqueFd> Directory::make_folders(int root, std::string_view folders) const {
  UniqueFd at;
  std::string done;
  while (!folders.empty()) {
    const auto slash = folders.find('/');
    const std::string name(folders.substr(0, slash));
    folders = slash == std::string_view::npos ? std::string_view() : folders.substr(slash + 1);
    done = done.empty() ? name : str_cat(done, "/", name);
    const int in = at ? at.get() : root;
    UniqueFd next;
    for (int i = 0; i < kMaxTries && !next; ++i) {
      if (::mkdirat(in, name.c_str(), 0700) != 0 && errno != EEXIST) return std::nullopt;
      next = UniqueFd(open_at(in, name.c_str(), O_PATH | O_DIRECTORY));
      if (next || errno == ENOENT) continue;
      if (errno != ENOTDIR && errno != ELOOP) return std::nullopt;
      move_aside(in, name, done);
    }
    if (!next) return std::nullopt;
    at = std::move(next);
  }
  return at;
}

/// Renames what cannot be used so that its name is free.
void Directory::move_aside(int folder, const std::string& name, const std::string& path) const {
  // A name may be as long as a name can be.
  constexpr std::size_t kLongest = 200;
  const std::string base = name.substr(0, kLongest) + ".aside";
  for (int i = 0; i < kMaxAside; ++i) {
    const std::string target = i == 0 ? base : str_cat(base, ".", i);
    if (rename_if_free(folder, name, target) == 0) {
      DIGESTFS_LOG(warning,
                   "moved aside what was in the way of a file of the cache: ", path_.native(), "/",
                   path, " is now ", target);
      return;
    }
    if (errno == ENOENT) return;
    if (errno == EEXIST) continue;
    fail("move aside what is in the way:", path, errno);
  }
  fail("move aside what is in the way:", path, EEXIST);
}

void Directory::rename(const std::string& from, const std::string& to) const {
  const Parts source(from);
  const Parts target(to);
  int cause = ENOENT;
  for (int i = 0; i < kMaxTries; ++i) {
    const auto folder = find_folder(source.folders);
    if (!folder) break;
    const UniqueFd place = make_folder_of(to);
    // A link or a fifo would be replaced without a word; it is somebody's.
    struct stat status {};
    if (::fstatat(place.get(), target.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        !S_ISREG(status.st_mode)) {
      move_aside(place.get(), target.name, to);
    }
    if (::renameat(folder->get(), source.name.c_str(), place.get(), target.name.c_str()) == 0) {
      return;
    }
    cause = errno;
    if (cause != EISDIR && cause != ENOTEMPTY && cause != EEXIST && cause != ENOENT) break;
  }
  fail("publish", to, cause);
}

bool Directory::remove(const std::string& path) const noexcept try {
  const Parts parts(path);
  const auto folder = find_folder(parts.folders);
  return !folder || ::unlinkat(folder->get(), parts.name.c_str(), 0) == 0 || errno == ENOENT;
} catch (const std::exception&) {
  return false;
}

std::optional<struct stat> Directory::status(const std::string& path) const {
  const Parts parts(path);
  const auto folder = find_folder(parts.folders);
  struct stat status {};
  if (!folder || ::fstatat(folder->get(), parts.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return std::nullopt;
  }
  return status;
}

bool Directory::is_named(const std::string& path, int fd) const {
  const auto named = status(path);
  return named && is_same_file(*named, stat_of(fd));
}

std::vector<std::string> Directory::names_in(const std::string& folder) const {
  UniqueFd opened(open_folder(root()->get(), folder, O_RDONLY));
  if (!opened) {
    if (is_limit(errno)) fail("list", folder, errno);
    return {};
  }
  const DirectoryHandle handle(::fdopendir(opened.get()));
  if (!handle) fail("list", folder, errno);
  static_cast<void>(opened.release());  // the handle closes it
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(handle.get())) {
    const std::string_view name(static_cast<const char*>(entry->d_name));
    if (name != "." && name != "..") names.emplace_back(name);
  }
  return names;
}

std::optional<std::string> Directory::why_unreadable(const std::string& path) const {
  const Parts parts(path);
  const UniqueFd folder(open_folder(root()->get(), parts.folders, O_PATH));
  struct stat status {};
  const bool is_there =
      folder && ::fstatat(folder.get(), parts.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
  if (is_there) {
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) return std::nullopt;
    const UniqueFd opened(
        open_at(folder.get(), parts.name.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY));
    if (opened) return std::nullopt;
  }
  constexpr std::array<int, 3> kMissing{ENOENT, ENOTDIR, ELOOP};
  if (std::ranges::find(kMissing, errno) != kMissing.end()) return std::nullopt;
  return std::generic_category().message(errno);
}

bool Directory::is_shared() const { return is_writable_by_others(stat_of(root()->get())); }

Directory::Room Directory::room() const {
  struct statvfs disk {};
  if (::fstatvfs(root()->get(), &disk) != 0) fail("look at the disk of", "", errno);
  return {disk.f_blocks * disk.f_frsize, disk.f_bavail * disk.f_frsize};
}

}  // namespace digestfs::cache
