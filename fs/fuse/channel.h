// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <sys/types.h>
#include <sys/uio.h>

#include "base/handle.h"

namespace digestfs::fs {

/// The two ends of the traffic with the kernel: reads that can be stopped, and the reply to INIT
/// mended. libfuse 3.14 asks the kernel for PARALLEL_DIROPS but leaves the bit out of what it
/// answers; without it one stalled lookup freezes its whole directory. Safe for concurrent use.
class Channel {
 public:
  Channel();

  /// Like read(2) of one request, but fails with EINTR once `stop` was called. Not `noexcept`:
  /// threads of C code pass through here.
  ssize_t read(int fd, void* buffer, std::size_t size);
  /// Like writev(2) of one reply.
  ssize_t write(int fd, iovec* parts, int count);

  /// Ends all reads, now and later.
  void stop() noexcept;

 private:
  UniqueFd stop_;
  std::atomic<std::uint64_t> init_unique_{0};
};

}  // namespace digestfs::fs
