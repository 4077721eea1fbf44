// SPDX-License-Identifier: Apache-2.0
#include "cache/housekeeper.h"

#include <system_error>

#include "base/log.h"

namespace digestfs::cache {

Housekeeper::Housekeeper(const Store& store, std::chrono::milliseconds period) {
  try {
    thread_ = std::jthread(
        [this, &store, period](const std::stop_token& stop) { run(store, period, stop); });
  } catch (const std::system_error& error) {
    DIGESTFS_LOG(warning,
                 "the cache is kept in its bounds only when something is added: ", error.what());
    store.tidy();
    *has_ended_.lock() = true;
  }
}

bool Housekeeper::stop_within(Clock::duration limit) {
  thread_.request_stop();
  auto has_ended = has_ended_.lock();
  return ended_.wait_for(has_ended.native(), limit, [&] { return *has_ended; });
}

void Housekeeper::run(const Store& store, std::chrono::milliseconds period,
                      const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    store.tidy();
    auto lock = has_ended_.lock();
    ended_.wait_for(lock.native(), stop, period, [] { return false; });
  }
  *has_ended_.lock() = true;
  ended_.notify_all();
}

}  // namespace digestfs::cache
