// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <ctime>

namespace digestfs {

/// A point in time as files have it: seconds since 1970, and the nanoseconds after those seconds,
/// which are below 10^9.
struct Timestamp {
  std::int64_t seconds = 0;
  std::uint32_t nanoseconds = 0;

  friend bool operator==(const Timestamp&, const Timestamp&) = default;
};

inline constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;

/// Returns the time that is `count` nanoseconds after the beginning of 1970. `count` must not be
/// negative.
[[nodiscard]] constexpr Timestamp from_nanoseconds(std::int64_t count) noexcept {
  return {count / kNanosecondsPerSecond, static_cast<std::uint32_t>(count % kNanosecondsPerSecond)};
}

/// Returns the nanoseconds between the beginning of 1970 and `time`.
[[nodiscard]] constexpr std::int64_t to_nanoseconds(const timespec& time) noexcept {
  return std::int64_t{time.tv_sec} * kNanosecondsPerSecond + time.tv_nsec;
}

}  // namespace digestfs
