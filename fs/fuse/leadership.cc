// SPDX-License-Identifier: Apache-2.0
#include "fs/fuse/leadership.h"

namespace digestfs::fs {
namespace {

// After that many looks at a leader that has nothing to do, nobody looks until it has.
constexpr int kIdleLooks = 20;

bool has_request(std::uint64_t steps) noexcept { return steps % 2 == 1; }

}  // namespace

Leadership::Leadership(std::size_t threads, std::chrono::microseconds patience)
    : patience_(patience), steps_(threads) {}

bool Leadership::await(std::size_t me) {
  if (leader_ == me) return !is_closed_;
  std::unique_lock lock(mutex_);
  // A thread that had a long request comes back at a time of long requests: not to wait.
  if (leader_ != kNobody && steps_[me] > 0 && has_request(steps_[leader_])) leader_ = kNobody;
  while (!is_closed_ && leader_ != kNobody) {
    if (is_watched_) {
      changed_.wait(lock);
    } else {
      is_watched_ = true;
      watch(lock);
      is_watched_ = false;
    }
  }
  if (is_closed_) return false;
  leader_ = me;
  // Somebody has to watch this one.
  changed_.notify_one();
  return true;
}

/// Returns once the leader is none any longer, because a request keeps it, or because it passed
/// the leadership on; or once `close` was called.
void Leadership::watch(std::unique_lock<std::mutex>& lock) {
  std::uint64_t seen = steps_[leader_];
  int idle = 0;
  while (!is_closed_ && leader_ != kNobody) {
    if (idle < kIdleLooks) {
      watching_.wait_for(lock, patience_);
    } else {
      is_watch_asleep_ = true;
      // After that: the leader takes a step first, and then looks whether anybody is asleep.
      if (steps_[leader_] == seen) watching_.wait(lock);
      is_watch_asleep_ = false;
      idle = 0;
    }
    if (is_closed_ || leader_ == kNobody) return;
    const std::uint64_t now = steps_[leader_];
    if (now != seen) {
      idle = 0;
    } else if (has_request(now)) {
      leader_ = kNobody;
    } else {
      ++idle;
    }
    seen = now;
  }
}

void Leadership::begin(std::size_t me) noexcept {
  ++steps_[me];
  if (!is_watch_asleep_) return;
  const std::lock_guard lock(mutex_);
  is_watch_asleep_ = false;
  watching_.notify_one();
}

void Leadership::end(std::size_t me) noexcept { ++steps_[me]; }

void Leadership::pass_on(std::size_t me) {
  const std::lock_guard lock(mutex_);
  if (leader_ != me) return;
  leader_ = kNobody;
  (is_watched_ ? watching_ : changed_).notify_one();
}

void Leadership::close() {
  const std::lock_guard lock(mutex_);
  is_closed_ = true;
  watching_.notify_all();
  changed_.notify_all();
}

}  // namespace digestfs::fs
