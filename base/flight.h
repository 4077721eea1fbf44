// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/guarded.h"

// Waiting without a thread. Code that needs something which is not there yet starts (or finds) the
// `Flight` that brings it and throws `Pending`. Whoever called it parks the request with that
// flight and, when it has landed, runs the same code again: by then the thing is there, or its
// failure is.

namespace digestfs {

using Clock = std::chrono::steady_clock;

/// How long a lookup waits for the network at most (promise 5).
inline constexpr Clock::duration kLookupPatience = std::chrono::seconds(5);
/// How long a failure, or the absence of a name, is believed before the daemon asks again: as long
/// as a lookup waits, so that the lookups that queued behind one another share its outcome.
inline constexpr Clock::duration kBriefMemory = kLookupPatience;

/// One piece of work under way, and its outcome. Shared by the worker that does it and by any
/// number of waiters. Safe for concurrent use.
class Flight {
 public:
  [[nodiscard]] bool has_landed() const;
  /// Throws what the work threw; returns if it has not landed or went well.
  void rethrow_failure() const;
  /// When it landed; nothing while it is under way.
  [[nodiscard]] std::optional<Clock::time_point> landed_at() const;

  /// Calls `wake` once, from the landing thread. Returns false, and never calls, if it has landed.
  [[nodiscard]] bool on_landing(std::function<void()> wake);

  /// Ends the flight; `failure` is null if all went well. Wakes everybody. Call once.
  void land(std::exception_ptr failure);

  /// Until when a request of patience `patience` should wait at all. The kernel lets only one
  /// lookup of a name through at a time, and the rest queue unkillably behind it; so when one has
  /// waited its time out, those behind it are told at once, for as long again (promise 5).
  [[nodiscard]] Clock::time_point wait_until(Clock::duration patience, Clock::time_point now);

 private:
  struct State {
    bool landed = false;
    Clock::time_point landed_at;
    std::exception_ptr failure;
    std::vector<std::function<void()>> waiting;
    std::map<Clock::duration, Clock::time_point> deadlines;
  };

  Guarded<State> state_;
};

/// How long a request may wait for the network.
struct Patience {
  /// When its caller began to wait.
  Clock::time_point since = Clock::now();
  /// How long it may; for ever (until the work itself gives up) where there is none.
  std::optional<Clock::duration> limit;

  /// For open, readdir and the like: as long as the work moves.
  [[nodiscard]] static Patience unlimited() { return {}; }
  /// For a lookup.
  [[nodiscard]] static Patience of_lookup() { return {Clock::now(), kLookupPatience}; }
  /// The same request, waiting for one thing no longer than `most`.
  [[nodiscard]] Patience at_most(Clock::duration most) const;
};

/// Thrown to say "not yet": what to wait for, and until when. Not an error, never logged.
struct Pending {
  std::shared_ptr<Flight> flight;
  std::optional<Clock::time_point> deadline;
};

/// Returns if `flight` has landed well, throws its failure if it has landed badly, and throws
/// `Pending` if it has not landed. Throws `Errc::timed_out` once `patience` is used up.
void await(const std::shared_ptr<Flight>& flight, const Patience& patience);

}  // namespace digestfs
