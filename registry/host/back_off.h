// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string_view>

#include "base/flight.h"

namespace digestfs::registry {

/// How often, and how soon, a failed attempt is repeated (RTY-2).
struct RetryPolicy {
  int attempts = 5;                        ///< The most attempts at one thing.
  std::chrono::milliseconds first{500};    ///< The longest wait after the first failure.
  std::chrono::milliseconds most{30'000};  ///< The longest wait after any failure.
  /// The longest time for all attempts at a question. A lookup waits 5 s (promise 5), and its
  /// caller should learn why it failed, not only that it took long.
  std::chrono::milliseconds question{4'000};
  /// The longest wait for content: if a registry wants to be left alone for longer, the attempt
  /// fails (RTY-3).
  std::chrono::milliseconds patience{60'000};
  /// For how long a refused password is not sent again, the first time (AUTH-6).
  std::chrono::milliseconds refusal{5'000};
};

/// Returns how long to wait after `failures` failures (at least 1): the fraction `jitter` (0 to 1)
/// of a time that doubles with each failure.
[[nodiscard]] std::chrono::milliseconds back_off(const RetryPolicy& policy, int failures,
                                                 double jitter);

/// Returns a random number from 0 to 1.
[[nodiscard]] double jitter();

/// Waits until `time`. Throws `Errc::interrupted` on `stop`.
void sleep_until(Clock::time_point time, const std::stop_token& stop);

/// Reads a `Retry-After` field: seconds, or a date (RFC 9110, 10.2.3) that is compared with `now`.
/// Returns nothing for any other text, and for a date that has passed.
[[nodiscard]] std::optional<std::chrono::seconds> parse_retry_after(
    std::string_view value, std::chrono::system_clock::time_point now);

}  // namespace digestfs::registry
