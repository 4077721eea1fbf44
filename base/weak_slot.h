// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

namespace digestfs {

/// Remembers an object that others own, as a weak pointer does. Many threads look for the object
/// at once, and now and then one puts another object in its place. Neither takes a lock. Safe for
/// concurrent use.
template <class T>
class WeakSlot {
 public:
  /// Returns the object, or null if nobody owns it any longer, or if it is being replaced.
  [[nodiscard]] std::shared_ptr<T> lock() const noexcept {
    std::uint32_t state = state_.load(std::memory_order_relaxed);
    do {
      if (state < kFree) return nullptr;
    } while (!state_.compare_exchange_weak(state, state + 1, std::memory_order_acquire,
                                           std::memory_order_relaxed));
    // Whoever wants to replace the pointer sees that it is being copied.
    std::shared_ptr<T> object = pointer_.lock();
    state_.fetch_sub(1, std::memory_order_release);
    return object;
  }

  /// Remembers `object`, unless another thread is looking or is putting an object here just now:
  /// then nothing is changed.
  void set(const std::shared_ptr<T>& object) noexcept {
    std::uint32_t state = kFree;
    if (!state_.compare_exchange_strong(state, kTaken, std::memory_order_acquire,
                                        std::memory_order_relaxed)) {
      return;
    }
    pointer_ = object;
    state_.store(kFree, std::memory_order_release);
  }

 private:
  static constexpr std::uint32_t kTaken = 0;  ///< by the thread that replaces the pointer
  static constexpr std::uint32_t kFree = 1;   ///< and one more for each thread that copies it

  mutable std::atomic<std::uint32_t> state_{kFree};
  // Guarded by the state.
  std::weak_ptr<T> pointer_;
};

}  // namespace digestfs
