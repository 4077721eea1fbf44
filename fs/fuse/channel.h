// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <sys/types.h>
#include <sys/uio.h>

namespace digestfs::fs {

/// Reads requests from the kernel and writes replies, in place of libfuse's own functions. A read
/// can be stopped. The reply to INIT gets what libfuse 3.14 leaves out: the flag PARALLEL_DIROPS,
/// without which one stalled lookup freezes its whole directory, and what `add_to_hello` was given.
/// Safe for concurrent use.
class Channel {
 public:
  /// Reads one request like read(2), but fails with EINTR once `stop` was called. A thread that
  /// was already reading ends its read at the next signal. It is not `noexcept`, because a thread
  /// that is cancelled unwinds through here.
  ///
  /// While requests come one soon after the other, it looks for the next one for a short while
  /// before it sleeps: a processor that sleeps takes longer to wake than a request takes to answer.
  ssize_t read(int fd, void* buffer, std::size_t size);
  /// Writes one reply like writev(2).
  ssize_t write(int fd, iovec* parts, int count);

  /// Returns true if the `request` of `size` bytes asks for so much that to copy it takes longer
  /// than to wake a thread.
  [[nodiscard]] static bool is_bulky(const void* request, std::size_t size) noexcept;

  /// Returns the flags that the kernel offered in INIT (FUSE_…), those of both words.
  [[nodiscard]] std::uint64_t offered_flags() const noexcept { return offered_flags_; }
  /// Adds flags, which the kernel offered, to the reply to INIT, and the depth of the file systems
  /// on which the mount stands. To be called before that reply.
  void add_to_hello(std::uint64_t flags, std::uint32_t stack_depth) noexcept;

  /// Ends all reads: those to come at once, and those under way when their threads get a signal.
  void stop() noexcept { is_stopped_ = true; }
  /// Lets nothing be written any longer: the number of the connection soon belongs to another file.
  void close() noexcept { is_closed_ = true; }

 private:
  static void look_for_request(int fd) noexcept;
  void correct_hello(iovec& hello) const noexcept;

  // Synchronise themselves.
  std::atomic<bool> is_stopped_{false};
  std::atomic<bool> is_closed_{false};
  std::atomic<std::uint64_t> init_unique_{0};
  std::atomic<bool> is_next_soon_{false};  ///< The last request came soon after the one before it.
  // Set by the thread that answers INIT, before any other request comes.
  std::uint64_t offered_flags_ = 0;
  std::uint64_t added_flags_ = 0;
  std::uint32_t stack_depth_ = 0;
};

}  // namespace digestfs::fs
