// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <stop_token>
#include <thread>

#include "cache/store.h"

namespace digestfs::cache {

/// Keeps a cache in its bounds for as long as it lives: a thread that tidies up the store at once,
/// and again from time to time. What is in use cannot be thrown out when something is added; it is
/// thrown out soon after it was closed, by whichever process looks first. The thread does another
/// chore of the mount each time, too.
/// If the system gives no thread, tidies up once; a publish keeps the bounds, too.
class Housekeeper {
 public:
  /// Soon enough for the bound to hold within a minute after the last reader has closed.
  static constexpr std::chrono::seconds kPeriod{30};

  using Chore = std::function<void(const std::stop_token&)>;

  /// `chore` must not throw.
  explicit Housekeeper(const Store& store, std::chrono::milliseconds period = kPeriod,
                       Chore chore = {});

 private:
  std::jthread thread_;
};

}  // namespace digestfs::cache
