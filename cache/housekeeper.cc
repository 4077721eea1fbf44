// SPDX-License-Identifier: Apache-2.0
#include "cache/housekeeper.h"

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <system_error>
#include <utility>

#include "base/log.h"

namespace digestfs::cache {
namespace {

void keep_house(const Store& store, std::chrono::milliseconds period,
                const Housekeeper::Chore& chore, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  while (!stop.stop_requested()) {
    store.tidy(stop);
    if (chore) chore(stop);
    std::unique_lock lock(mutex);
    never.wait_for(lock, stop, period, [] { return false; });
  }
}

}  // namespace

Housekeeper::Housekeeper(const Store& store, std::chrono::milliseconds period, Chore chore) {
  try {
    thread_ = std::jthread([&store, period, chore = std::move(chore)](const std::stop_token& stop) {
      keep_house(store, period, chore, stop);
    });
  } catch (const std::system_error& error) {
    DIGESTFS_LOG(warning,
                 "the cache is kept in its bounds only when something is added: ", error.what());
    store.tidy();
  }
}

}  // namespace digestfs::cache
