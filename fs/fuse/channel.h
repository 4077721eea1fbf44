// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <sys/types.h>
#include <sys/uio.h>

#include "base/handle.h"

namespace digestfs::fs {

/// Reads requests from the kernel and writes replies, in place of libfuse's own functions. A read
/// can be stopped. The reply to INIT gets the flag PARALLEL_DIROPS: libfuse 3.14 leaves it out, and
/// without it one stalled lookup freezes its whole directory. Safe for concurrent use.
class Channel {
 public:
  Channel();

  /// Reads one request like read(2), but fails with EINTR once `stop` was called. It is not
  /// `noexcept`, because a thread that is cancelled unwinds through here.
  ssize_t read(int fd, void* buffer, std::size_t size);
  /// Writes one reply like writev(2).
  ssize_t write(int fd, iovec* parts, int count);

  /// Ends all reads, those under way and those to come.
  void stop() noexcept;
  /// Lets nothing be written any longer: the number of the connection soon belongs to another file.
  void close() noexcept { is_closed_ = true; }

 private:
  UniqueFd stop_;
  std::atomic<bool> is_closed_{false};
  std::atomic<std::uint64_t> init_unique_{0};
};

}  // namespace digestfs::fs
