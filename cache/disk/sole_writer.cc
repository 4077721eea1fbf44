// SPDX-License-Identifier: Apache-2.0
#include "cache/disk/sole_writer.h"

#include <algorithm>
#include <array>
#include <exception>
#include <string>

#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/vfs.h>

#include "base/text.h"

namespace digestfs::cache {
namespace {

/// Returns true if only this kernel writes to the file system of `fd`, so that it sees all writers.
bool is_local(int fd) noexcept {
  constexpr unsigned kXfs = 0x58465342;  // <linux/magic.h> does not have it
  constexpr std::array<unsigned, 5> kLocal{EXT4_SUPER_MAGIC, BTRFS_SUPER_MAGIC, TMPFS_MAGIC,
                                           F2FS_SUPER_MAGIC, kXfs};
  struct statfs status {};
  if (::fstatfs(fd, &status) != 0) return false;
  return std::ranges::find(kLocal, static_cast<unsigned>(status.f_type)) != kLocal.end();
}

/// Returns true if nobody has the file open for writing but through `fd`: only then the kernel
/// grants a lease. It is given back at once, for others would have to wait for it.
bool is_open_once(int fd) noexcept {
  return ::fcntl(fd, F_SETLEASE, F_WRLCK) == 0 && ::fcntl(fd, F_SETLEASE, F_UNLCK) == 0;
}

/// Returns an inotify descriptor that gets an event when somebody closes the file `fd` who could
/// write to it, or an empty one.
UniqueFd watch(int fd) noexcept try {
  UniqueFd events(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  const std::string path = str_cat("/proc/self/fd/", fd);
  if (!events || ::inotify_add_watch(events.get(), path.c_str(), IN_CLOSE_WRITE) < 0) return {};
  return events;
} catch (const std::exception&) {
  return {};
}

}  // namespace

SoleWriter::SoleWriter(int fd) noexcept : fd_(fd) {
  if (!is_local(fd)) return;
  // In this order: whoever opens the file in between is seen by the watch.
  events_ = watch(fd);
  if (events_ && !is_open_once(fd)) events_ = UniqueFd();
}

bool SoleWriter::is_alone() const noexcept {
  // In this order: whoever closes the file before the lease is asked for has left an event.
  if (!events_ || !is_open_once(fd_)) return false;
  pollfd event{events_.get(), POLLIN, 0};
  return ::poll(&event, 1, 0) == 0;
}

}  // namespace digestfs::cache
