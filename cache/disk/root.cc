// SPDX-License-Identifier: Apache-2.0
#include "cache/disk/root.h"

#include <array>
#include <cerrno>
#include <deque>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <linux/limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

namespace digestfs::cache {
namespace {

constexpr int kMaxLinks = 40;  // as the kernel

/// Returns whether links of `owner` may choose the folder: this user's and root's. In a user
/// namespace root is whoever owns `/`.
bool is_trusted(uid_t owner) noexcept {
  struct stat top {};
  return owner == 0 || owner == ::geteuid() || (::stat("/", &top) == 0 && owner == top.st_uid);
}

[[noreturn]] void refuse(int code, const std::string& why) {
  throw std::system_error(code, std::generic_category(), why);
}

void push_front(std::deque<std::string>& parts, const std::filesystem::path& path) {
  std::deque<std::string> added;
  for (const auto& part : path.relative_path()) {
    if (!part.empty() && part != ".") added.push_back(part.native());
  }
  parts.insert(parts.begin(), added.begin(), added.end());
}

std::filesystem::path target_of(int folder, const std::string& name) {
  std::array<char, PATH_MAX> target;
  const ssize_t size = ::readlinkat(folder, name.c_str(), target.data(), target.size());
  if (size < 0) throw_system_error(str_cat("read the link ", name));
  return std::string(target.data(), static_cast<std::size_t>(size));
}

/// Opens a name in a folder, whatever it is, and makes a folder where there is nothing. The umask
/// does not count: a cache, and a folder that exists for it alone, is nobody else's business.
UniqueFd open_or_make(int folder, const std::string& name) {
  for (;;) {
    const int fd = ::openat(folder, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0) return UniqueFd(fd);
    if (errno != ENOENT) throw_system_error(str_cat("open ", name));
    if (::mkdirat(folder, name.c_str(), 0700) != 0 && errno != EEXIST) {
      throw_system_error(str_cat("make the folder ", name));
    }
  }
}

/// Walks to the folder, one name at a time, and makes what is missing.
UniqueFd walk(const std::filesystem::path& path) {
  std::deque<std::string> parts;
  push_front(parts, path);
  UniqueFd folder = open_or_make(AT_FDCWD, "/");
  int links = 0;
  while (!parts.empty()) {
    const std::string name = parts.front();
    parts.pop_front();
    UniqueFd next = open_or_make(folder.get(), name);
    struct stat status {};
    if (::fstat(next.get(), &status) != 0) throw_system_error(str_cat("stat ", name));
    if (S_ISLNK(status.st_mode)) {
      if (!is_trusted(status.st_uid)) {
        refuse(EPERM, str_cat("the link ", name, " on the way belongs to somebody else"));
      }
      if (++links > kMaxLinks) refuse(ELOOP, str_cat("there are too many links at ", name));
      const auto target = target_of(folder.get(), name);
      push_front(parts, target);
      if (target.is_absolute()) folder = open_or_make(AT_FDCWD, "/");
      continue;
    }
    if (!S_ISDIR(status.st_mode)) refuse(ENOTDIR, str_cat(name, " is no folder"));
    folder = std::move(next);
  }
  return folder;
}

}  // namespace

UniqueFd open_root(const std::filesystem::path& path) {
  const UniqueFd place = walk(path);
  const int fd = ::openat(place.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) throw_system_error(str_cat("open the folder ", path.native()));
  UniqueFd root(fd);
  struct stat status {};
  if (::fstat(fd, &status) != 0) throw_system_error(str_cat("stat ", path.native()));
  if (status.st_uid != ::geteuid()) refuse(EPERM, "the folder belongs to somebody else");
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    DIGESTFS_LOG(warning, "other users may write to the cache ", path.native(),
                 ": they can remove what is in it and fill its disk");
  }
  return root;
}

}  // namespace digestfs::cache
