// SPDX-License-Identifier: Apache-2.0
#include "cache/disk/lock.h"

#include <cerrno>

#include <sched.h>
#include <sys/file.h>

namespace digestfs::cache {
namespace {

/// Calls flock without waiting, again where a signal came. Returns 0 or an errno.
int try_lock(int fd, int kind) noexcept {
  for (;;) {
    if (::flock(fd, kind | LOCK_NB) == 0) return 0;
    if (errno != EINTR) return errno;
  }
}

}  // namespace

Locked lock_named(const Directory& directory, const std::string& path, int fd) {
  const int cause = try_lock(fd, LOCK_EX);
  if (cause == EWOULDBLOCK) return Locked::no;
  if (!directory.is_named(path, fd)) return Locked::no;
  return cause == 0 ? Locked::yes : Locked::impossible;
}

void lock_own(int fd) noexcept { static_cast<void>(try_lock(fd, LOCK_EX)); }

void mark_in_use(int fd) noexcept {
  // Eviction holds its lock for the moment in which it decides, and a caller that loses against it
  // still has its open file.
  constexpr int kTries = 20;
  for (int i = 0; i < kTries && try_lock(fd, LOCK_SH) == EWOULDBLOCK; ++i) ::sched_yield();
}

bool is_in_use(int fd) noexcept { return try_lock(fd, LOCK_EX) == EWOULDBLOCK; }

}  // namespace digestfs::cache
