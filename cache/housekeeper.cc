// SPDX-License-Identifier: Apache-2.0
#include "cache/housekeeper.h"

#include <condition_variable>
#include <mutex>
#include <stop_token>

namespace digestfs::cache {
namespace {

void run(const Store& store, std::chrono::milliseconds period, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  while (!stop.stop_requested()) {
    store.tidy();
    std::unique_lock lock(mutex);
    never.wait_for(lock, stop, period, [] { return false; });
  }
}

}  // namespace

Housekeeper::Housekeeper(const Store& store, std::chrono::milliseconds period)
    : thread_([&store, period](const std::stop_token& stop) { run(store, period, stop); }) {}

}  // namespace digestfs::cache
