// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace digestfs {

/// A point in time as files have it: seconds since 1970, and nanoseconds after them, below 10^9.
struct Timestamp {
  std::int64_t seconds = 0;
  std::uint32_t nanoseconds = 0;

  friend bool operator==(const Timestamp&, const Timestamp&) = default;
};

/// `count` nanoseconds, not negative, after 1970 began.
[[nodiscard]] constexpr Timestamp from_nanoseconds(std::int64_t count) noexcept {
  constexpr std::int64_t kSecond = 1'000'000'000;
  return {count / kSecond, static_cast<std::uint32_t>(count % kSecond)};
}

}  // namespace digestfs
