// SPDX-License-Identifier: Apache-2.0
#include "fs/fuse/channel.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include <linux/fuse.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include "base/flight.h"

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

// How long a request is looked for before a thread sleeps. Whoever reads file after file asks
// sooner; whoever asks later pays for a wake-up that is little beside what they do in between.
constexpr std::chrono::microseconds kLook{40};
// A request that comes sooner, wake-up included, makes it likely that the next one comes soon.
constexpr std::chrono::microseconds kSoon{70};

/// Returns true if others can work while this thread looks for a request.
bool has_processors() noexcept {
  static const bool has_several = [] {
    cpu_set_t processors;
    return ::sched_getaffinity(0, sizeof processors, &processors) == 0 &&
           CPU_COUNT(&processors) > 1;
  }();
  return has_several;
}

}  // namespace

/// Returns when there is a request, or after `kLook`.
void Channel::look_for_request(int fd) noexcept {
  pollfd connection{fd, POLLIN, 0};
  const auto until = Clock::now() + kLook;
  while (::poll(&connection, 1, 0) == 0 && Clock::now() < until) {
  }
}

ssize_t Channel::read(int fd, void* buffer, std::size_t size) {
  if (is_stopped_) {
    errno = EINTR;
    return -1;
  }
  const auto answered = Clock::now();
  if (is_next_soon_ && has_processors()) look_for_request(fd);
  const ssize_t got = ::read(fd, buffer, size);
  is_next_soon_ = got > 0 && Clock::now() - answered < kSoon;
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

bool Channel::is_bulky(const void* request, std::size_t size) noexcept {
  constexpr std::uint32_t kBulk = 128U << 10U;
  fuse_in_header header{};
  fuse_read_in read{};
  if (size < sizeof header + sizeof read) return false;
  std::memcpy(&header, request, sizeof header);
  if (header.opcode != FUSE_READ) return false;
  std::memcpy(&read, static_cast<const char*>(request) + sizeof header, sizeof read);
  return read.size >= kBulk;
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
