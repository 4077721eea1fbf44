// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <stop_token>

#include "base/flight.h"

namespace digestfs::cache {

/// A part of an object, in bytes: from `begin` up to but not including `end`.
struct Span {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  [[nodiscard]] std::uint64_t size() const noexcept { return end - begin; }
  friend bool operator==(const Span&, const Span&) = default;
};

/// How the missing bytes of an object are given out.
struct RangePolicy {
  /// How many bytes are given out at a time.
  std::uint64_t part = 0;
  /// How far ahead of the first missing byte parts are given out, in bytes. What is behind a gap is
  /// lost if the process is killed, and nobody can read it yet.
  std::uint64_t window = UINT64_MAX;
  /// How long a connection that has nothing to do waits before it takes over the first part of
  /// another connection, which may be a slow one.
  Clock::duration patience = std::chrono::seconds(5);
};

/// What is missing of an object that several connections fetch, and which connection fetches which
/// part of it. Parts are given out from the front, so that the object grows without gaps as far as
/// that is possible. Safe for concurrent use.
class Ranges {
 private:
  struct Entry {
    Span span;
    bool was_taken_over = false;
  };

 public:
  /// A part that a connection fetches.
  using Part = std::list<Entry>::iterator;

  /// The bytes of `missing` are missing.
  Ranges(Span missing, const RangePolicy& policy);
  Ranges(const Ranges&) = delete;
  Ranges& operator=(const Ranges&) = delete;

  /// Returns the first part that nobody fetches. Waits for one if there is none, because others may
  /// give theirs back; takes over the first part of another connection in the end, once for each
  /// part. Returns nothing if nothing is missing any longer, or if `stop` is requested.
  [[nodiscard]] std::optional<Part> take(const std::stop_token& stop);
  /// Adds what follows a part to it, if nobody fetches that. Returns false if somebody does.
  [[nodiscard]] bool extend(Part part);
  /// Returns what is still missing of a part: nothing if another connection has taken it over.
  [[nodiscard]] Span missing_of(Part part) const;
  /// Says that the bytes of `part` are there up to `end`.
  void advance(Part part, std::uint64_t end);
  /// Gives a part back. What is missing of it is given out again.
  void give_back(Part part) noexcept;

  /// Returns true if nothing is missing any longer.
  [[nodiscard]] bool are_complete() const;
  /// Returns the end of what is there without a gap. It never becomes smaller.
  [[nodiscard]] std::uint64_t reached() const;

 private:
  [[nodiscard]] std::uint64_t reached_now() const;
  [[nodiscard]] bool is_complete_now() const { return reached_now() == end_; }
  [[nodiscard]] bool may_give_out() const;
  [[nodiscard]] std::optional<Part> take_over();

  // Constant after construction.
  RangePolicy policy_;
  std::uint64_t end_;
  // `mutex_` guards what follows.
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::list<Entry> taken_;
  std::list<Entry> left_;  ///< what nobody fetches, from the front
};

}  // namespace digestfs::cache
