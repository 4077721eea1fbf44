// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/flight.h"
#include "base/guarded.h"
#include "base/workers.h"

namespace digestfs {

/// A table with at most one flight a key, however many callers want it. The key is also the name of
/// the flight, so it says what the work does, and to what. Safe for concurrent use. The table must
/// outlive the threads of the workers: stop them first.
class Flights {
 public:
  /// Work that reports its progress to the flight.
  using TrackedWork = std::function<void(const std::stop_token& stop, Flight& flight)>;

  explicit Flights(Workers& workers) : workers_(workers) {}

  /// Returns the flight of `key` that is under way, or that failed less than `kBriefMemory` ago.
  /// Otherwise starts and returns a new flight that does `work`. A flight that went well is
  /// forgotten at once, because the caller looks at what it brought. A flight that was interrupted
  /// or that met a limit of this machine is forgotten too, because the next one may go well; but
  /// callers whose patience an interrupted flight has used up are not kept waiting as long by the
  /// next one (promise 5).
  [[nodiscard]] std::shared_ptr<Flight> join(const std::string& key, Lane lane, Workers::Work work);
  [[nodiscard]] std::shared_ptr<Flight> join(const std::string& key, Lane lane, TrackedWork work);

  /// Returns the flight of `key` that is under way or whose failure is remembered; null if there is
  /// none.
  [[nodiscard]] std::shared_ptr<Flight> find(const std::string& key) const;

  /// Returns the flights whose key begins with `beginning`: those under way, and the latest
  /// failures.
  [[nodiscard]] std::vector<std::shared_ptr<const Flight>> find_all(
      std::string_view beginning) const;

  /// Returns how many flights the table holds: those under way, and the latest failures.
  [[nodiscard]] std::size_t size() const { return table_.lock()->flights.size(); }

  /// How many failures are remembered at most; the oldest are forgotten first.
  static constexpr std::size_t kMaxFailures = 1024;

 private:
  struct Failure {
    Clock::time_point until;
    std::string key;
    std::shared_ptr<Flight> flight;
  };
  struct Table {
    std::unordered_map<std::string, std::shared_ptr<Flight>> flights;
    /// Those that gave up their place. The next flight of the key takes over their deadlines.
    std::unordered_map<std::string, std::shared_ptr<Flight>> interrupted;
    std::deque<Failure> failures;  ///< in the order in which they are forgotten

    void forget(const std::string& key, const std::shared_ptr<Flight>& flight);
    void forget_old_failures(Clock::time_point now);
  };

  void launch(const std::string& key, Lane lane, const std::shared_ptr<Flight>& flight,
              TrackedWork work);
  void settle(const std::string& key, const std::shared_ptr<Flight>& flight,
              const std::exception_ptr& failure);

  Workers& workers_;
  Guarded<Table> table_;
};

}  // namespace digestfs
