// SPDX-License-Identifier: Apache-2.0
#include "fs/fuse/channel.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <linux/fuse.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"

namespace digestfs::fs {

Channel::Channel() : stop_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!stop_) throw_system_error("make an eventfd");
}

void Channel::stop() noexcept {
  // Never read again, so that every thread sees it.
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t ignored = ::write(stop_.get(), &one, sizeof one);
}

ssize_t Channel::read(int fd, void* buffer, std::size_t size) {
  for (;;) {
    const ssize_t got = ::read(fd, buffer, size);
    if (got >= 0) {
      fuse_in_header header{};
      if (static_cast<std::size_t>(got) >= sizeof header) {
        std::memcpy(&header, buffer, sizeof header);
        if (header.opcode == FUSE_INIT) init_unique_ = header.unique;
      }
      return got;
    }
    if (errno != EAGAIN) return got;
    std::array<pollfd, 2> waiting = {{{fd, POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
    if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) return -1;
    if (waiting[1].revents != 0) {
      errno = EINTR;
      return -1;
    }
  }
}

ssize_t Channel::write(int fd, iovec* parts, int count) {
  if (is_closed_) {
    errno = ENOTCONN;
    return -1;
  }
  fuse_out_header header{};
  if (count == 2 && parts[0].iov_len == sizeof header) {
    std::memcpy(&header, parts[0].iov_base, sizeof header);
    constexpr std::size_t kFlagsEnd = offsetof(fuse_init_out, flags) + sizeof(fuse_init_out::flags);
    if (header.unique != 0 && header.unique == init_unique_ && header.error == 0 &&
        parts[1].iov_len >= kFlagsEnd) {
      init_unique_ = 0;
      auto* const flags_at = static_cast<char*>(parts[1].iov_base) + offsetof(fuse_init_out, flags);
      std::uint32_t flags = 0;
      std::memcpy(&flags, flags_at, sizeof flags);
      flags |= FUSE_PARALLEL_DIROPS;
      std::memcpy(flags_at, &flags, sizeof flags);
    }
  }
  return ::writev(fd, parts, count);
}

}  // namespace digestfs::fs
