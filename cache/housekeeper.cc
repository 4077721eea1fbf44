// SPDX-License-Identifier: Apache-2.0
#include "cache/housekeeper.h"

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <system_error>

#include "base/log.h"

namespace digestfs::cache {
namespace {

void run(const Store& store, std::chrono::milliseconds period, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  while (!stop.stop_requested()) {
    store.tidy(stop);
    std::unique_lock lock(mutex);
    never.wait_for(lock, stop, period, [] { return false; });
  }
}

}  // namespace

Housekeeper::Housekeeper(const Store& store, std::chrono::milliseconds period) {
  try {
    thread_ =
        std::jthread([&store, period](const std::stop_token& stop) { run(store, period, stop); });
  } catch (const std::system_error& error) {
    DIGESTFS_LOG(warning,
                 "the cache is kept in its bounds only when something is added: ", error.what());
    store.tidy();
  }
}

}  // namespace digestfs::cache
