// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace digestfs::companions {

/// Calls `make(i)` for each `i` below `count` in up to `jobs` threads, and passes what it returns
/// to `take`, in the order of `i` and in the calling thread. No more than four results per thread
/// wait for an earlier one. `make` must not throw; if `take` throws, the threads end first.
template <class Make, class Take>
void in_order(std::size_t count, std::size_t jobs, const Make& make, const Take& take) {
  using Result = decltype(make(std::size_t{}));
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::size_t, Result> made;
  std::size_t begun = 0;
  std::size_t taken = 0;
  bool is_over = false;
  const std::size_t window = jobs * 4;
  const auto work = [&] {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [&] { return is_over || begun == count || begun < taken + window; });
      if (is_over || begun == count) return;
      const std::size_t i = begun++;
      lock.unlock();
      Result result = make(i);
      lock.lock();
      made.emplace(i, std::move(result));
      changed.notify_all();
    }
  };
  struct End {
    std::mutex& mutex;
    std::condition_variable& changed;
    bool& is_over;
    std::vector<std::jthread> threads = {};
    ~End() {
      const std::lock_guard lock(mutex);
      is_over = true;
      changed.notify_all();
    }
  } end{mutex, changed, is_over};
  for (std::size_t i = 0; i < std::min(jobs, count); ++i) end.threads.emplace_back(work);
  for (std::size_t i = 0; i < count; ++i) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return made.contains(i); });
    Result result = std::move(made.extract(i).mapped());
    taken = i + 1;
    changed.notify_all();
    lock.unlock();
    take(std::move(result));
  }
}

}  // namespace digestfs::companions
