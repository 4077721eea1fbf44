// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "base/flight.h"
#include "base/guarded.h"

namespace digestfs::fs {

/// Keeps the requests that wait for the network, so that no thread waits (promise 5). A parked
/// request is attempted again when its flight has landed or its patience is used up, until it has
/// an answer or is interrupted. Safe for concurrent use. The flights must have ended before this
/// object is destroyed.
class Parking {
 public:
  using Id = std::uint64_t;
  /// Answers the request; or throws `Pending` to wait again, or any other failure of the request.
  /// It throws only before it has answered.
  using Attempt = std::function<void()>;
  /// Answers the request with a failure.
  using Fail = std::function<void(std::exception_ptr)>;
  /// Returns true if the caller has really given up. Called from any thread, also when the request
  /// is already answered.
  using GivenUp = std::function<bool()>;

  Parking();
  Parking(const Parking&) = delete;
  Parking& operator=(const Parking&) = delete;
  ~Parking();

  /// Takes a request in. It is not attempted before `wait` is called, but can be interrupted from
  /// here on.
  [[nodiscard]] Id enter(
      Attempt attempt, Fail fail, GivenUp given_up = [] { return true; });
  /// Lets the request wait for `pending`. Call once, after `enter`. From here on the parking
  /// answers the request, also if it runs out of memory.
  void wait(Id id, Pending pending) noexcept;
  /// Ends the waiting of a request whose caller has given up: it fails with `Errc::interrupted`.
  /// If the caller has not given up, the parking asks again and again from now on, because the
  /// kernel does not interrupt a request twice. Does nothing for a request that is answered.
  void interrupt(Id id) noexcept;
  /// Ends all waiting, now and from now on, because the mount is gone or about to go.
  void close() noexcept;

 private:
  enum class Stage { entered, waiting, attempting, answered };

  struct Request {
    // Constant after construction.
    Id id = 0;
    Attempt attempt;
    Fail fail;
    GivenUp given_up;
    // Guarded by the lock it lives in.
    struct State {
      Stage stage = Stage::entered;
      bool interrupted = false;
      std::vector<Waiter> waits = {};  ///< for the flights that this request waits for
    };
    Guarded<State> state;
  };

  /// What is to be done about a request at some time.
  struct Due {
    enum class What {
      attempt,    ///< attempt it, since its patience is over
      interrupt,  ///< ask again whether its caller has given up
    };
    Id id = 0;
    What what = What::attempt;
  };

  struct Lot {
    Id last = 0;
    bool closed = false;
    std::map<Id, std::shared_ptr<Request>> requests;
    std::multimap<Clock::time_point, Due> deadlines;
  };

  void settle(const std::shared_ptr<Request>& request, Pending pending) noexcept;
  void wait_for(const std::shared_ptr<Request>& request, Pending pending);
  void fail_waiting(Request& request, std::exception_ptr failure) noexcept;
  [[nodiscard]] std::optional<Pending> attempt(Request& request, const Flight* landed) noexcept;
  void add_deadline(Clock::time_point deadline, Due due);
  void end(const std::shared_ptr<Request>& request) noexcept;
  void wake(const std::shared_ptr<Request>& request, const Flight* landed) noexcept;
  void leave(const Request& request);
  void fail(Request& request, std::exception_ptr failure) noexcept;
  [[nodiscard]] std::shared_ptr<Request> find(Id id) const;
  void watch_deadlines(const std::stop_token& stop);
  [[nodiscard]] std::optional<Due> next_due(const std::stop_token& stop);

  Guarded<Lot> lot_;
  std::condition_variable_any deadline_added_;
  std::jthread watch_;
};

}  // namespace digestfs::fs
