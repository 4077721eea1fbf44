// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "base/flight.h"
#include "base/guarded.h"
#include "base/workers.h"

namespace digestfs {

/// At most one flight a key, however many want it. Safe for concurrent use. Must outlive the
/// workers' threads: stop them first.
class Flights {
 public:
  explicit Flights(Workers& workers) : workers_(workers) {}

  /// The flight of `key` that is under way, or that failed a short while ago; else a new one that
  /// does `work`. Where a flight went well it is forgotten at once: what it brought is looked at.
  [[nodiscard]] std::shared_ptr<Flight> join(const std::string& key, Lane lane, Workers::Work work);

 private:
  Workers& workers_;
  Guarded<std::unordered_map<std::string, std::shared_ptr<Flight>>> table_;
};

}  // namespace digestfs
