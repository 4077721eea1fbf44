// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace digestfs::test {

/// What this thread has done since it was started. Counted are the calls of `operator new` and of
/// `pthread_mutex_lock`; what a C library takes from malloc(3) is not.
struct Costs {
  std::size_t allocations = 0;
  std::size_t locks = 0;

  [[nodiscard]] static Costs so_far() noexcept;
  /// Returns false in a program for TSan, which replaces `pthread_mutex_lock` itself.
  [[nodiscard]] static bool are_locks_counted() noexcept;
};

/// Lets `count` more allocations of this thread succeed, and the one after them fail.
/// If `count` is negative, all succeed.
void fail_allocation_after(int count) noexcept;

}  // namespace digestfs::test
