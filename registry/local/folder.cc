// SPDX-License-Identifier: Apache-2.0
#include "registry/local/folder.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string_view>
#include <system_error>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "registry/local/confined.h"

namespace digestfs::registry {
namespace {

using DirectoryHandle = std::unique_ptr<DIR, Deleter<closedir>>;

/// Throws what errno says of what is called `shown`.
[[noreturn]] void fail(const std::string& shown) {
  if (errno == EACCES || errno == EPERM) {
    throw Error(Errc::denied,
                str_cat("cannot open ", shown, ": ", std::generic_category().message(errno)));
  }
  throw_system_error(str_cat("open ", shown));
}

/// Opens a folder, which messages call `shown`. Returns nothing if there is none, or if it is a
/// link that may not be followed.
std::optional<UniqueFd> open_folder(int at, const std::string& path, Links links,
                                    const std::string& shown) {
  const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  int fd = -1;
  do {
    fd = ::openat(at, path.c_str(), links == Links::refused ? flags | O_NOFOLLOW : flags);
  } while (fd < 0 && errno == EINTR);
  if (fd >= 0) return UniqueFd(fd);
  if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return std::nullopt;
  fail(shown);
}

}  // namespace

std::filesystem::path absolute_path(const std::filesystem::path& path) {
  auto absolute = std::filesystem::absolute(path).lexically_normal();
  if (!absolute.has_filename() && absolute != absolute.root_path()) {
    absolute = absolute.parent_path();
  }
  return absolute;
}

std::optional<Folder> Folder::open(const std::filesystem::path& path) {
  auto fd = open_folder(AT_FDCWD, path.native(), Links::followed, path.native());
  if (!fd) return std::nullopt;
  return Folder(*std::move(fd));
}

Folder Folder::open_source(const std::string& name, const std::filesystem::path& path) {
  // The folder that has the name which the source goes by: with a link before a `..` it is not the
  // one that `path` leads to.
  auto fd = open_folder(AT_FDCWD, absolute_path(path).native(), Links::followed, name);
  if (!fd) {
    throw Error(Errc::not_found, str_cat("cannot open ", name, ": there is no such directory"));
  }
  return Folder(*std::move(fd));
}

std::optional<Folder> Folder::folder(const std::string& path, Links links) const {
  auto fd = open_folder(fd_.get(), path, links, path);
  if (!fd) return std::nullopt;
  return Folder(*std::move(fd));
}

bool Folder::has_folder(const std::string& path) const {
  struct stat status {};
  if (::fstatat(fd_.get(), path.c_str(), &status, 0) == 0) return S_ISDIR(status.st_mode);
  if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return false;
  fail(path);
}

std::optional<UniqueFd> Folder::file(const std::string& path) const {
  return open_local(fd_.get(), path);
}

std::optional<std::string> Folder::read(const std::string& path, std::size_t limit) const {
  const auto opened = file(path);
  if (!opened) return std::nullopt;
  return read_rest(opened->get(), limit);
}

std::vector<std::string> Folder::names(std::size_t limit) const {
  // A descriptor of its own: the position in a folder belongs to the descriptor.
  UniqueFd copy(::openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!copy) throw_system_error("list a folder");
  const DirectoryHandle directory(::fdopendir(copy.get()));
  if (!directory) throw_system_error("list a folder");
  static_cast<void>(copy.release());
  std::vector<std::string> found;
  for (;;) {
    errno = 0;
    // Only this thread has `directory`.
    const dirent* entry = ::readdir(directory.get());  // NOLINT(concurrency-mt-unsafe)
    if (entry == nullptr) break;
    const std::string_view name = static_cast<const char*>(entry->d_name);
    if (name == "." || name == "..") continue;
    if (found.size() == limit) {
      throw Error(Errc::too_large, str_cat("a folder has more than ", limit, " entries"));
    }
    found.emplace_back(name);
  }
  if (errno != 0) throw_system_error("list a folder");
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace digestfs::registry
