// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <type_traits>

namespace digestfs {

/// A small value of which many threads take a copy, while it changes now and then. Taking a copy
/// takes no lock and writes nothing, so that readers do not disturb each other: whoever was
/// overtaken by a change takes the copy again. Safe for concurrent use.
template <class T>
class Versioned {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  explicit Versioned(const T& value = {}) noexcept { store(value); }

  [[nodiscard]] T load() const noexcept {
    for (;;) {
      const std::uint64_t before = version_.load(std::memory_order_acquire);
      if (before % 2 == 1) continue;  // A change takes a few instructions.
      Words words;
      for (std::size_t i = 0; i < kWords; ++i) {
        // A reader of a word that was changed sees the version that says so, too.
        words[i] = words_[i].load(std::memory_order_acquire);
      }
      if (version_.load(std::memory_order_relaxed) == before) return to_value(words);
    }
  }

  /// Calls `edit` with the value, which it may change and which nobody else changes meanwhile.
  template <class Edit>
  void change(const Edit& edit) {
    const std::lock_guard lock(mutex_);
    T value = load();
    edit(value);
    store(value);
  }

 private:
  using Word = std::uint64_t;
  static constexpr std::size_t kWords = (sizeof(T) + sizeof(Word) - 1) / sizeof(Word);
  using Words = std::array<Word, kWords>;

  void store(const T& value) noexcept {
    Words words{};
    std::memcpy(words.data(), &value, sizeof value);
    version_.store(version_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    for (std::size_t i = 0; i < kWords; ++i) words_[i].store(words[i], std::memory_order_release);
    version_.store(version_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  [[nodiscard]] static T to_value(const Words& words) noexcept {
    T value;
    std::memcpy(static_cast<void*>(&value), words.data(), sizeof value);
    return value;
  }

  // Synchronise themselves. The version is odd while the words change.
  std::atomic<std::uint64_t> version_{0};
  std::array<std::atomic<Word>, kWords> words_{};
  // Held by the thread that changes the value.
  std::mutex mutex_;
};

}  // namespace digestfs
