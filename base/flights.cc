// SPDX-License-Identifier: Apache-2.0
#include "base/flights.h"

#include <optional>
#include <utility>

#include "base/error.h"

namespace digestfs {
namespace {

enum class FailureKind {
  shared,  ///< Others who want the same should share it.
  stop,    ///< The work was asked to stop.
  limit,   ///< A limit of this machine, which may have passed when the next caller comes.
};

FailureKind kind_of(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    return error.code() == Errc::interrupted ? FailureKind::stop : FailureKind::shared;
  } catch (...) {
    return FailureKind::limit;
  }
}

}  // namespace

void Flights::Table::forget(const std::string& key, const std::shared_ptr<Flight>& flight) {
  const auto at = flights.find(key);
  if (at != flights.end() && at->second == flight) flights.erase(at);
  const auto ended = interrupted.find(key);
  if (ended != interrupted.end() && ended->second == flight) interrupted.erase(ended);
}

void Flights::Table::forget_old_failures(Clock::time_point now) {
  while (!failures.empty() && (failures.front().until <= now || failures.size() > kMaxFailures)) {
    forget(failures.front().key, failures.front().flight);
    failures.pop_front();
  }
}

std::shared_ptr<Flight> Flights::find(const std::string& key) const {
  const auto table = table_.lock();
  const auto at = table->flights.find(key);
  return at == table->flights.end() ? nullptr : at->second;
}

std::vector<std::shared_ptr<const Flight>> Flights::find_all(std::string_view beginning) const {
  std::vector<std::shared_ptr<const Flight>> found;
  const auto table = table_.lock();
  for (const auto& [key, flight] : table->flights) {
    if (key.starts_with(beginning)) found.push_back(flight);
  }
  return found;
}

std::shared_ptr<Flight> Flights::join(const std::string& key, Lane lane, Workers::Work work) {
  return join(key, lane,
              [work = std::move(work)](const std::stop_token& stop, Flight&) { work(stop); });
}

std::shared_ptr<Flight> Flights::join(const std::string& key, Lane lane, TrackedWork work) {
  auto flight = std::make_shared<Flight>(key);
  std::shared_ptr<Flight> interrupted;
  {
    const auto table = table_.lock();
    const auto at = table->interrupted.find(key);
    if (at != table->interrupted.end()) interrupted = at->second;
  }
  if (interrupted) flight->inherit_deadlines(*interrupted);
  {
    const auto table = table_.lock();
    table->forget_old_failures(Clock::now());
    const auto [at, added] = table->flights.try_emplace(key, flight);
    if (!added) return at->second;
  }
  launch(key, lane, flight, std::move(work));
  return flight;
}

/// Launches a flight that is in the table. Whatever happens, the flight lands.
void Flights::launch(const std::string& key, Lane lane, const std::shared_ptr<Flight>& flight,
                     TrackedWork work) {
  bool is_begun = false;
  try {
    Workers::Work settled = [this, key, flight, work = std::move(work)](std::stop_token stop) {
      try {
        work(stop, *flight);
      } catch (const NotYet&) {
        throw;
      } catch (...) {
        settle(key, flight, std::current_exception());
        throw;
      }
      settle(key, flight, nullptr);
    };
    is_begun = workers_.launch(lane, flight, std::move(settled));
  } catch (...) {
    flight->land(std::current_exception());
  }
  if (!is_begun) table_.lock()->forget(key, flight);
}

/// Updates the table before the flight lands, so that nobody joins a flight that brings nothing
/// new.
void Flights::settle(const std::string& key, const std::shared_ptr<Flight>& flight,
                     const std::exception_ptr& failure) {
  const auto now = Clock::now();
  const auto kind = failure ? std::optional(kind_of(failure)) : std::nullopt;
  if (kind == FailureKind::stop) flight->give_up();
  const auto table = table_.lock();
  if (kind != FailureKind::shared) {
    table->forget(key, flight);
    if (!failure) {
      // Whoever asks next has patience of its own again.
      table->interrupted.erase(key);
      return;
    }
    table->interrupted[key] = flight;
  }
  try {
    table->failures.push_back({now + kBriefMemory, key, flight});
  } catch (const std::bad_alloc&) {
    // What nothing would forget is not remembered.
    table->forget(key, flight);
    throw;
  }
  table->forget_old_failures(now);
}

}  // namespace digestfs
