// SPDX-License-Identifier: Apache-2.0
#include "registry/local/last_reading.h"

#include <chrono>
#include <ctime>

#include "base/timestamp.h"

namespace digestfs::registry {
namespace {

constexpr std::chrono::seconds kSettled{1};

}  // namespace

bool is_settled(const Fingerprint& fingerprint) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return std::chrono::nanoseconds(to_nanoseconds(now) - fingerprint.changed_ns) > kSettled;
}

}  // namespace digestfs::registry
