// SPDX-License-Identifier: Apache-2.0
#include "base/flights.h"

#include <utility>

namespace digestfs {

std::shared_ptr<Flight> Flights::join(const std::string& key, Lane lane, Workers::Work work) {
  auto flight = std::make_shared<Flight>();
  {
    const auto table = table_.lock();
    const auto [at, added] = table->try_emplace(key, flight);
    if (!added) {
      const auto landed = at->second->landed_at();
      if (!landed || Clock::now() < *landed + kBriefMemory) return at->second;
      at->second = flight;
    }
  }
  workers_.launch(lane, flight, [this, key, flight, work = std::move(work)](std::stop_token stop) {
    work(std::move(stop));
    // Only reached when all went well. Before the landing, so that nobody joins a flight that
    // brings nothing new.
    const auto table = table_.lock();
    const auto at = table->find(key);
    if (at != table->end() && at->second == flight) table->erase(at);
  });
  return flight;
}

}  // namespace digestfs
