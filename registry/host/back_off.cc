// SPDX-License-Identifier: Apache-2.0
#include "registry/host/back_off.h"

#include <algorithm>
#include <condition_variable>
#include <ctime>
#include <mutex>
#include <random>
#include <string>

#include "base/error.h"
#include "base/text.h"

namespace digestfs::registry {

std::chrono::milliseconds back_off(const RetryPolicy& policy, int failures, double jitter) {
  std::chrono::milliseconds bound = std::min(policy.first, policy.most);
  for (int i = 1; i < failures && bound < policy.most; ++i)
    bound = std::min(2 * bound, policy.most);
  const double part = std::clamp(jitter, 0.0, 1.0) * static_cast<double>(bound.count());
  return std::chrono::milliseconds(static_cast<std::chrono::milliseconds::rep>(part));
}

double jitter() {
  thread_local std::minstd_rand random{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(random);
}

void sleep_until(Clock::time_point time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_until(lock, stop, time, [] { return false; });
  if (stop.stop_requested()) throw Error(Errc::interrupted, "stopped while waiting to try again");
}

std::optional<std::chrono::seconds> parse_retry_after(std::string_view value,
                                                      std::chrono::system_clock::time_point now) {
  // More than a year means for ever, and would overflow.
  constexpr std::uint64_t kMost = std::uint64_t{366} * 86400;
  if (const auto seconds = parse_decimal(value)) {
    return std::chrono::seconds(std::min<std::uint64_t>(*seconds, kMost));
  }
  std::tm parts{};
  const std::string text(value);
  const char* rest = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  if (rest == nullptr || *rest != '\0') return std::nullopt;
  // The difference is taken in seconds: the clock's own unit has no room for every year.
  const std::time_t date = ::timegm(&parts);
  const std::time_t today = std::chrono::system_clock::to_time_t(now);
  if (date <= today) return std::nullopt;
  return std::chrono::seconds(std::min(static_cast<std::uint64_t>(date - today), kMost));
}

}  // namespace digestfs::registry
