// SPDX-License-Identifier: Apache-2.0
#include "registry/local/containers/diff_directory.h"

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <string_view>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"

namespace digestfs::registry {
namespace {

// O_NONBLOCK: opening a fifo waits for its other end.
constexpr int kFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

/// Opens a file one name at a time, without following links. For kernels without openat2 (before
/// 5.6), and sandboxes that forbid it. Returns -1 and sets errno if that fails.
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
      at = UniqueFd(::openat(at.get(), name.c_str(),
                             is_last ? kFlags : O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    }
    if (is_last) break;
    path.remove_prefix(slash + 1);
  }
  return at.release();
}

int open_inside(int root, const std::string& path) {
  static std::atomic<bool> has_openat2{true};
  if (has_openat2) {
    open_how how{};
    how.flags = static_cast<std::uint64_t>(kFlags);
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    long fd = -1;
    do {
      fd = ::syscall(SYS_openat2, root, path.c_str(), &how, sizeof(how));
    } while (fd < 0 && (errno == EINTR || errno == EAGAIN));
    if (fd >= 0 || errno != ENOSYS) return static_cast<int>(fd);
    has_openat2 = false;
  }
  return walk(root, path);
}

}  // namespace

UniqueFd DiffDirectory::open(const std::string& name) const {
  const auto fail = [&](Errc code, std::string_view why) {
    return Error(code, str_cat("its file ", escaped(shortened(name, 200)), " ", why));
  };
  if (name.find('\0') != std::string::npos) throw fail(Errc::corrupt, "has a name that is none");
  UniqueFd file(open_inside(folder_.fd(), name));
  if (!file) {
    switch (errno) {
      case EACCES:
      case EPERM:
        throw fail(Errc::denied,
                   "cannot be read by this user; in the store of a user who is not root, "
                   "`podman unshare digestfs …` can read it");
      case ENOENT:
      case ENOTDIR:
        throw fail(Errc::corrupt, "is missing");
      case ELOOP:
      case EXDEV:
      case ENXIO:
      case ENAMETOOLONG:
        throw fail(Errc::corrupt, "is no regular file");
      default:
        throw_system_error(str_cat("open ", escaped(name)));
    }
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw_system_error(str_cat("stat ", escaped(name)));
  if (!S_ISREG(status.st_mode)) throw fail(Errc::corrupt, "is no regular file");
  return file;
}

}  // namespace digestfs::registry
