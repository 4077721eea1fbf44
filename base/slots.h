// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <new>

namespace digestfs {

/// Places for values of type `T`, which threads take and give back. A place never moves, and is
/// used again. Taking one costs memory and a lock only if all that there are are taken; giving one
/// back never does. Safe for concurrent use, but for what is in a place: that is its taker's.
template <class T>
class Slots {
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

 public:
  class Slot {
   public:
    T value{};

   private:
    friend class Slots;
    std::uint32_t number_ = kNone;
    std::atomic<std::uint32_t> next_{kNone};  ///< in the list of free places
  };

  Slots() = default;
  Slots(const Slots&) = delete;
  Slots& operator=(const Slots&) = delete;
  ~Slots() {
    for (auto& chunk : chunks_) delete chunk.load(std::memory_order_relaxed);
  }

  /// Returns a place that nobody else has. What is in it is what was in it when it was given back.
  /// Throws `std::bad_alloc` if there is no memory, and beyond a million places.
  [[nodiscard]] Slot& take() {
    for (;;) {
      if (Slot* slot = pop()) return *slot;
      grow();
    }
  }

  void give_back(Slot& slot) noexcept { push(slot, slot); }

 private:
  static constexpr std::uint32_t kChunk = 256;
  static constexpr std::uint32_t kChunks = 4096;
  static constexpr unsigned kNumberBits = 32;
  using Chunk = std::array<Slot, kChunk>;

  // The first free place and how often the list has changed: a list that has changed and looks the
  // same is not taken for the same list.
  [[nodiscard]] static constexpr std::uint64_t to_head(std::uint64_t changes,
                                                       std::uint32_t number) noexcept {
    return changes << kNumberBits | number;
  }
  [[nodiscard]] static std::uint64_t changes_of(std::uint64_t head) noexcept {
    return head >> kNumberBits;
  }

  [[nodiscard]] Slot& at(std::uint32_t number) const noexcept {
    return (*chunks_[number / kChunk].load(std::memory_order_acquire))[number % kChunk];
  }

  [[nodiscard]] Slot* pop() noexcept {
    std::uint64_t head = head_.load(std::memory_order_acquire);
    for (;;) {
      const auto number = static_cast<std::uint32_t>(head);
      if (number == kNone) return nullptr;
      Slot& slot = at(number);
      const std::uint32_t next = slot.next_.load(std::memory_order_relaxed);
      if (head_.compare_exchange_weak(head, to_head(changes_of(head) + 1, next),
                                      std::memory_order_acquire)) {
        return &slot;
      }
    }
  }

  /// Puts the places from `first` to `last`, which follow one another, at the head of the list.
  void push(Slot& first, Slot& last) noexcept {
    std::uint64_t head = head_.load(std::memory_order_relaxed);
    do {
      last.next_.store(static_cast<std::uint32_t>(head), std::memory_order_relaxed);
    } while (!head_.compare_exchange_weak(head, to_head(changes_of(head) + 1, first.number_),
                                          std::memory_order_release, std::memory_order_relaxed));
  }

  void grow() {
    const std::lock_guard lock(growing_);
    // Another thread may have been faster.
    if (static_cast<std::uint32_t>(head_.load(std::memory_order_relaxed)) != kNone) return;
    if (count_ == kChunks) throw std::bad_alloc();
    auto chunk = std::make_unique<Chunk>();
    for (std::uint32_t i = 0; i < kChunk; ++i) {
      (*chunk)[i].number_ = count_ * kChunk + i;
      (*chunk)[i].next_.store((*chunk)[i].number_ + 1, std::memory_order_relaxed);
    }
    Chunk& made = *chunk;
    chunks_[count_].store(chunk.release(), std::memory_order_release);
    ++count_;
    push(made.front(), made.back());
  }

  // Synchronise themselves; chunks are only ever added.
  std::atomic<std::uint64_t> head_{to_head(0, kNone)};
  std::array<std::atomic<Chunk*>, kChunks> chunks_{};
  std::mutex growing_;
  // Guarded by the mutex.
  std::uint32_t count_ = 0;
};

}  // namespace digestfs
