// SPDX-License-Identifier: Apache-2.0
#include "registry/local/confined.h"

#include <cerrno>
#include <cstdint>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace digestfs::registry {
namespace {

// O_NONBLOCK: opening a fifo waits for its other end.
constexpr int kFlags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
// How often the kernel may say that something was renamed meanwhile.
constexpr int kMaxAttempts = 16;

int open_how_at(int directory, const std::string& path, int flags, std::uint64_t resolve) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags);
  how.resolve = resolve | RESOLVE_NO_MAGICLINKS;
  for (int attempt = 1;; ++attempt) {
    const long fd = ::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof(how));
    if (fd >= 0 || errno == EINTR) {
      if (fd >= 0) return static_cast<int>(fd);
    } else if (errno != EAGAIN || attempt >= kMaxAttempts) {
      return -1;
    }
  }
}

/// Returns true if openat2 is there: some sandboxes answer EPERM for what they do not know.
bool has_openat2() {
  static const bool found =
      UniqueFd(open_how_at(AT_FDCWD, ".", O_PATH | O_CLOEXEC, RESOLVE_BENEATH)).get() >= 0;
  return found;
}

/// Opens a file one name at a time, without following links.
int walk(int root, std::string_view path) {
  UniqueFd at(::openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  while (at) {
    const auto slash = path.find('/');
    const std::string name(path.substr(0, slash));
    const bool is_last = slash == std::string_view::npos;
    if (name == "..") {
      errno = EXDEV;
      return -1;
    }
    if (!name.empty() && name != ".") {
      at = UniqueFd(
          ::openat(at.get(), name.c_str(),
                   is_last ? kFlags | O_NOFOLLOW : O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    }
    if (is_last) break;
    path.remove_prefix(slash + 1);
  }
  return at.release();
}

struct stat status_of(int file) {
  struct stat status {};
  if (::fstat(file, &status) != 0) throw_system_error("stat a file");
  return status;
}

/// Returns true if nobody but the user of this process can have planted what is in `directory`.
bool is_own(int directory) {
  const struct stat status = status_of(directory);
  return status.st_uid == ::geteuid() && (status.st_mode & S_IWOTH) == 0;
}

}  // namespace

UniqueFd open_confined(int directory, const std::string& path, Confinement confinement) {
  if (!has_openat2()) return UniqueFd(walk(directory, path));
  const bool is_root = confinement == Confinement::root;
  return UniqueFd(open_how_at(directory, path, is_root ? kFlags | O_NOFOLLOW : kFlags,
                              is_root ? RESOLVE_IN_ROOT : RESOLVE_BENEATH));
}

std::optional<UniqueFd> open_local(int directory, const std::string& path) {
  if (is_own(directory)) {
    try {
      return open_regular(directory, path, Links::followed);
    } catch (const std::system_error& error) {
      const int cause = error.code().value();
      if (cause == ELOOP || cause == ENAMETOOLONG) return std::nullopt;
      if (cause == EACCES || cause == EPERM) throw Error(Errc::denied, error.what());
      throw;
    }
  }
  UniqueFd file = open_confined(directory, path, Confinement::beneath);
  if (!file) {
    switch (errno) {
      case ENOENT:
      case ENOTDIR:
      case ENXIO:
      case ELOOP:
      case ENAMETOOLONG:
        return std::nullopt;
      case EXDEV:
        throw Error(Errc::denied, str_cat("cannot open ", path,
                                          ": it leads out of a directory that somebody else may "
                                          "write to"));
      case EACCES:
      case EPERM:
        throw Error(Errc::denied,
                    str_cat("cannot open ", path, ": ", std::generic_category().message(errno)));
      default:
        throw_system_error(str_cat("open ", path));
    }
  }
  if (!S_ISREG(status_of(file.get()).st_mode)) return std::nullopt;
  return file;
}

}  // namespace digestfs::registry
