// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <utility>

// A value that can be reached only under its lock.

namespace digestfs {

/// A value of type `T` with the mutex that protects it. Every lock of this program is a leaf: code
/// that runs while a `Lock` lives must not block on I/O, call back, reply to the kernel, or take
/// another lock.
template <class T>
class Guarded {
 public:
  /// Gives access to the value, and holds the mutex for as long as it lives.
  class Lock {
   public:
    explicit Lock(Guarded& owner) : lock_(owner.mutex_), value_(&owner.value_) {}

    T& operator*() const noexcept { return *value_; }
    T* operator->() const noexcept { return value_; }
    /// Returns the lock to wait with on a condition variable.
    std::unique_lock<std::mutex>& native() noexcept { return lock_; }

   private:
    std::unique_lock<std::mutex> lock_;
    T* value_;
  };

  template <class... Arguments>
  explicit Guarded(Arguments&&... arguments) : value_(std::forward<Arguments>(arguments)...) {}

  [[nodiscard]] Lock lock() const { return Lock(const_cast<Guarded&>(*this)); }

 private:
  std::mutex mutex_;
  T value_;
};

}  // namespace digestfs
