// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string_view>

#include "base/flight.h"

namespace digestfs::registry {

/// How often, and how soon, something that failed is tried again (RTY-2).
struct RetryPolicy {
  int attempts = 5;
  std::chrono::milliseconds first{500};
  std::chrono::milliseconds most{30'000};
  /// How long all of that may take for a question: whoever looks a name up waits 5 s (promise 5),
  /// and is to learn why it failed, not only that it took long.
  std::chrono::milliseconds question{4'000};
  /// For content: a registry that wants to be left alone for longer is not waited for (RTY-3).
  std::chrono::milliseconds patience{60'000};
  /// For how long a password that was refused is not sent again, the first time (AUTH-6).
  std::chrono::milliseconds refusal{5'000};
};

/// How long to wait after `failures` of them, at least 1: a part, `jitter` from 0 to 1, of a time
/// that doubles with each.
[[nodiscard]] std::chrono::milliseconds back_off(const RetryPolicy& policy, int failures,
                                                 double jitter);

/// A number from 0 to 1, another each time.
[[nodiscard]] double jitter();

/// Waits until `time`. Throws `Errc::interrupted` on `stop`.
void sleep_until(Clock::time_point time, const std::stop_token& stop);

/// What a `Retry-After` asks for: seconds or a date (RFC 9110, 10.2.3), `now` being the time of
/// day. Nothing for what is neither, or is over.
[[nodiscard]] std::optional<std::chrono::seconds> parse_retry_after(
    std::string_view value, std::chrono::system_clock::time_point now);

}  // namespace digestfs::registry
