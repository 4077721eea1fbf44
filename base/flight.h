// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/guarded.h"

// Waiting without a thread. Code that needs something which is not there yet starts (or finds) the
// `Flight` that brings it, and throws `Pending`. The caller parks the request with that flight.
// When the flight has landed, the caller runs the same code again: by then the thing is there, or
// the code throws the reason why it is not.

namespace digestfs {

using Clock = std::chrono::steady_clock;

/// How long a lookup waits for the network at most (promise 5).
inline constexpr Clock::duration kLookupPatience = std::chrono::seconds(5);
/// How long a failure, or the absence of a name, is believed before the daemon asks again: as long
/// as a lookup waits, so that the lookups that queued behind one another share its outcome.
inline constexpr Clock::duration kBriefMemory = kLookupPatience;

/// How far a piece of work has come, in bytes.
struct Progress {
  std::uint64_t done = 0;
  std::uint64_t total = 0;    ///< 0 if the work does not know
  std::uint64_t already = 0;  ///< what was done when the work began
  Clock::duration time{};     ///< since the work began

  /// Returns how many bytes were done in each second, or 0 if that cannot be told yet.
  [[nodiscard]] std::uint64_t bytes_per_second() const noexcept;
  /// Returns how long the rest takes at that rate, or nothing if that cannot be told.
  [[nodiscard]] std::optional<std::chrono::seconds> time_left() const noexcept;
};

/// One piece of work under way, and its outcome. The worker that does the work shares the flight
/// with any number of waiters. Safe for concurrent use.
class Flight {
 public:
  /// `name` says what the work does, and to what: "fetch sha256:…".
  explicit Flight(std::string name = {}) : name_(std::move(name)), began_(launched_) {}

  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  /// Returns when the flight was made: since then somebody wants what it brings.
  [[nodiscard]] Clock::time_point launched_at() const noexcept { return launched_; }

  /// Says how many bytes the work is about, and begins to count them anew, from those that are done
  /// `already`.
  void begin(std::uint64_t total, std::uint64_t already = 0) noexcept;
  /// Returns true once `begin` was called.
  [[nodiscard]] bool has_begun() const noexcept { return has_begun_; }
  /// Adds `bytes` to what is done.
  void advance(std::uint64_t bytes) noexcept { done_ += bytes; }
  [[nodiscard]] Progress progress() const noexcept;

  /// Returns how many callers wait for this flight: the `Waiter`s that live.
  [[nodiscard]] std::size_t waiters() const noexcept { return waiters_; }
  /// Returns true if a caller waited for this flight and none does any longer. A flight that has
  /// just been launched is not abandoned: its caller is about to wait.
  [[nodiscard]] bool is_abandoned() const noexcept { return was_awaited_ && waiters_ == 0; }
  /// Calls `changed` whenever the first caller begins to wait or the last one ceases to, until the
  /// flight lands. `changed` must not throw. A later call replaces `changed`.
  void on_interest(std::function<void()> changed);

  [[nodiscard]] bool has_landed() const;
  /// Throws what the work threw. Returns if the flight went well or has not landed.
  void rethrow_failure() const;
  /// Throws what the work threw if that is no `Error` but a limit of this machine: no room, no
  /// memory. Nobody shares such a failure (base/flights.h), so whoever waited for this flight has
  /// to take it from here: the same work would only be begun again, and again.
  void rethrow_limit() const;
  /// Returns when the flight landed, or nothing while it is under way.
  [[nodiscard]] std::optional<Clock::time_point> landed_at() const;

  /// Calls `wake` once, from the landing thread. Returns false, and never calls `wake`, if the
  /// flight has landed already.
  [[nodiscard]] bool on_landing(std::function<void()> wake);

  /// Says that the work ends without a result, because it was stopped or could not go on in this
  /// way, before the flight lands. Such a flight tells nothing of what it was to bring: whoever has
  /// joined it meanwhile asks again.
  void give_up() noexcept { has_given_up_ = true; }
  [[nodiscard]] bool has_given_up() const noexcept { return has_given_up_; }

  /// Ends the flight and wakes everybody. `failure` is null if all went well. Call once.
  void land(std::exception_ptr failure);

  /// Returns until when a request that began to wait at `now`, with patience for `patience`, waits
  /// for this flight. The kernel lets only one lookup of a name through at a time; the others queue
  /// behind it and cannot be killed. When the first has used up its patience, those behind it
  /// therefore fail at once, for as long again (promise 5).
  [[nodiscard]] Clock::time_point wait_until(Clock::duration patience, Clock::time_point now);

  /// Takes over what `wait_until` remembers of an `earlier` flight for the same thing.
  void inherit_deadlines(const Flight& earlier);

 private:
  friend class Waiter;

  struct State {
    bool landed = false;
    Clock::time_point landed_at;
    std::exception_ptr failure;
    std::vector<std::function<void()>> waiting;
    std::map<Clock::duration, Clock::time_point> deadlines;
    std::shared_ptr<const std::function<void()>> interest_changed;
  };

  void add_waiter() noexcept;
  void remove_waiter() noexcept;
  void tell_interest() const noexcept;

  // Constant after construction.
  std::string name_;
  Clock::time_point launched_ = Clock::now();
  // Synchronise themselves.
  std::atomic<Clock::time_point> began_;
  std::atomic<std::uint64_t> already_ = 0;
  std::atomic<std::uint64_t> done_ = 0;
  std::atomic<std::uint64_t> total_ = 0;
  std::atomic<std::size_t> waiters_ = 0;
  std::atomic<bool> has_begun_ = false;
  std::atomic<bool> was_awaited_ = false;
  std::atomic<bool> has_given_up_ = false;
  // Guarded by the lock it lives in.
  Guarded<State> state_;
};

/// A caller that waits for a flight. The flight counts the caller for as long as this object lives.
/// Work that no caller waits for gives up its place (base/workers.h).
class Waiter {
 public:
  explicit Waiter(std::shared_ptr<Flight> flight) noexcept;
  Waiter(Waiter&& other) noexcept = default;
  Waiter& operator=(Waiter&& other) noexcept;
  ~Waiter();

 private:
  std::shared_ptr<Flight> flight_;
};

/// How long a request may wait for the network.
struct Patience {
  /// When the caller began to wait.
  Clock::time_point since = Clock::now();
  /// How long the caller waits at most. Without a limit, it waits until the work itself gives up.
  std::optional<Clock::duration> limit;

  /// For open, readdir and the like, which wait as long as the work makes progress.
  [[nodiscard]] static Patience unlimited() noexcept { return {}; }
  /// For a lookup.
  [[nodiscard]] static Patience of_lookup() noexcept { return {Clock::now(), kLookupPatience}; }
  /// Returns the patience of the same request for one thing that is not worth more than `most`.
  [[nodiscard]] Patience at_most(Clock::duration most) const;
};

/// Thrown to say "not yet": what to wait for, and until when. This is no error and is never logged.
struct Pending {
  /// The caller runs its code again when this flight has landed.
  std::shared_ptr<Flight> flight;
  std::optional<Clock::time_point> deadline;
  /// Further flights that the caller needs. They count the caller as a waiter as well.
  std::vector<std::shared_ptr<Flight>> others = {};

  /// Returns the caller's part in all these flights. Keep it until the wait is over.
  [[nodiscard]] std::vector<Waiter> waiters() const;
};

/// Returns if `flight` has landed well, throws its failure if it has landed badly, and throws
/// `Pending` if it has not landed or has given up. Throws `Errc::timed_out` once `patience` is used
/// up.
void await(const std::shared_ptr<Flight>& flight, const Patience& patience);

}  // namespace digestfs
