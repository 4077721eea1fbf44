// SPDX-License-Identifier: Apache-2.0
#include "fs/fuse/channel.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <linux/fuse.h>
#include <unistd.h>

namespace digestfs::fs {
namespace {

// The protocol has grown: which of a message's fields are there, its length tells. Newer headers
// have a name for the field behind `flags2`, and older ones do not.
constexpr std::size_t kStackDepthAt = offsetof(fuse_init_out, flags2) + sizeof(std::uint32_t);
constexpr unsigned kBitsPerWord = 32;

std::uint32_t word_at(const void* message, std::size_t offset) noexcept {
  std::uint32_t word = 0;
  std::memcpy(&word, static_cast<const char*>(message) + offset, sizeof word);
  return word;
}

void set_word(void* message, std::size_t offset, std::uint32_t word) noexcept {
  std::memcpy(static_cast<char*>(message) + offset, &word, sizeof word);
}

/// Returns the flags of an INIT of `size` bytes.
std::uint64_t flags_of_hello(const void* message, std::size_t size) noexcept {
  fuse_init_in hello{};
  std::memcpy(&hello, message, std::min(size, sizeof hello));
  if ((hello.flags & FUSE_INIT_EXT) == 0) return hello.flags;
  return hello.flags | std::uint64_t{hello.flags2} << kBitsPerWord;
}

}  // namespace

ssize_t Channel::read(int fd, void* buffer, std::size_t size) {
  if (is_stopped_) {
    errno = EINTR;
    return -1;
  }
  // It blocks in the device itself, which wakes one of the threads that wait. poll(2) would wake
  // all of them for each request.
  const ssize_t got = ::read(fd, buffer, size);
  fuse_in_header header{};
  if (got >= static_cast<ssize_t>(sizeof header)) {
    std::memcpy(&header, buffer, sizeof header);
    if (header.opcode == FUSE_INIT) {
      offered_flags_ = flags_of_hello(static_cast<const char*>(buffer) + sizeof header,
                                      static_cast<std::size_t>(got) - sizeof header);
      init_unique_ = header.unique;
    }
  }
  return got;
}

void Channel::add_to_hello(std::uint64_t flags, std::uint32_t stack_depth) noexcept {
  added_flags_ |= flags;
  stack_depth_ = stack_depth;
}

ssize_t Channel::write(int fd, iovec* parts, int count) {
  if (is_closed_) {
    errno = ENOTCONN;
    return -1;
  }
  fuse_out_header header{};
  if (count == 2 && parts[0].iov_len == sizeof header) {
    std::memcpy(&header, parts[0].iov_base, sizeof header);
    if (header.unique != 0 && header.unique == init_unique_ && header.error == 0) {
      init_unique_ = 0;
      correct_hello(parts[1]);
    }
  }
  return ::writev(fd, parts, count);
}

void Channel::correct_hello(iovec& hello) const noexcept {
  constexpr std::size_t kFlagsAt = offsetof(fuse_init_out, flags);
  if (hello.iov_len < kFlagsAt + sizeof(std::uint32_t)) return;
  std::uint32_t flags = word_at(hello.iov_base, kFlagsAt) | FUSE_PARALLEL_DIROPS;
  if (added_flags_ != 0 && hello.iov_len >= kStackDepthAt + sizeof(std::uint32_t)) {
    constexpr std::size_t kFlags2At = offsetof(fuse_init_out, flags2);
    flags |= static_cast<std::uint32_t>(added_flags_) | FUSE_INIT_EXT;
    set_word(hello.iov_base, kFlags2At,
             word_at(hello.iov_base, kFlags2At) |
                 static_cast<std::uint32_t>(added_flags_ >> kBitsPerWord));
    set_word(hello.iov_base, kStackDepthAt, stack_depth_);
  }
  set_word(hello.iov_base, kFlagsAt, flags);
}

}  // namespace digestfs::fs
