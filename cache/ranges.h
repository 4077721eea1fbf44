// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

namespace digestfs::cache {

/// A part of an object, in bytes: from `begin` up to but not including `end`.
struct Span {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  [[nodiscard]] std::uint64_t size() const noexcept { return end - begin; }
  friend bool operator==(const Span&, const Span&) = default;
};

/// What is missing of an object that several connections fetch, and which connection fetches which
/// part of it. Parts are given out from the front, so that the object grows without gaps as far as
/// that is possible. Safe for concurrent use.
class Ranges {
 public:
  /// A part that somebody fetches.
  using Part = std::list<Span>::iterator;

  /// The bytes of `missing` are missing. They are given out in parts of `part` bytes.
  Ranges(Span missing, std::uint64_t part);
  Ranges(const Ranges&) = delete;
  Ranges& operator=(const Ranges&) = delete;

  /// Returns the first part that nobody fetches. Waits for one if others fetch everything that is
  /// missing, because they may give it back. Returns nothing if nothing is missing any longer, or
  /// if `stop` is requested.
  [[nodiscard]] std::optional<Part> take(const std::stop_token& stop);
  /// Returns what is still missing of a part.
  [[nodiscard]] Span missing_of(Part part) const;
  /// Says that the bytes of `part` are there up to `end`.
  void advance(Part part, std::uint64_t end);
  /// Gives a part back. What is missing of it is given out again.
  void give_back(Part part);

  /// Returns the end of what is there without a gap.
  [[nodiscard]] std::uint64_t reached() const;

 private:
  // Constant after construction.
  std::uint64_t part_;
  std::uint64_t end_;
  // `mutex_` guards what follows.
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::list<Span> taken_;
  std::vector<Span> left_;  ///< what nobody fetches; the first is the last element
};

}  // namespace digestfs::cache
