// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace digestfs::fs {

/// Says which of the threads that serve requests takes the next one. The leader takes a request,
/// answers it, and takes the next one, as long as it answers quickly: it need not be woken, and its
/// caches are warm. If a request keeps it, a follower takes over and leads from then on. If all
/// threads waited for requests, the kernel would wake another one for each: on a machine where
/// processors sleep, that takes longer than to answer.
///
/// For a short time two threads may lead, which does no harm. Safe for concurrent use.
class Leadership {
 public:
  /// How long a request may keep the leader.
  static constexpr std::chrono::microseconds kPatience{1000};

  explicit Leadership(std::size_t threads, std::chrono::microseconds patience = kPatience);

  /// Waits until thread `me` is to take the next request. Returns false once `close` was called.
  [[nodiscard]] bool await(std::size_t me);
  /// Says that thread `me`, which leads, has taken a request.
  void begin(std::size_t me) noexcept;
  /// Says that it has answered the request.
  void end(std::size_t me) noexcept;
  /// Says that the request which thread `me` has taken will keep it: another one takes the next.
  void pass_on(std::size_t me);

  /// Ends all waiting.
  void close();

 private:
  static constexpr std::size_t kNobody = SIZE_MAX;

  void watch(std::unique_lock<std::mutex>& lock);

  // Constant after construction.
  std::chrono::microseconds patience_;
  // Synchronise themselves.
  std::vector<std::atomic<std::uint64_t>> steps_;  ///< of each thread: odd while it has a request
  std::atomic<std::size_t> leader_{kNobody};       ///< changed under `mutex_`
  std::atomic<bool> is_watch_asleep_{false};       ///< until the leader has something to do
  std::atomic<bool> is_closed_{false};
  // Guarded by `mutex_`.
  std::mutex mutex_;
  std::condition_variable changed_;   ///< wakes a follower
  std::condition_variable watching_;  ///< wakes the follower that watches the leader
  bool is_watched_ = false;
};

}  // namespace digestfs::fs
