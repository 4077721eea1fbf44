// SPDX-License-Identifier: Apache-2.0
#include "fs/fuse/parking.h"

#include <utility>
#include <vector>

#include "base/error.h"

namespace digestfs::fs {
namespace {

// How soon one that was interrupted for no reason is looked at again.
constexpr std::chrono::milliseconds kSecondLook{100};

std::exception_ptr interruption() {
  return std::make_exception_ptr(Error(Errc::interrupted, "interrupted while waiting"));
}

}  // namespace

Parking::Parking() : watch_([this](const std::stop_token& stop) { watch_deadlines(stop); }) {}

Parking::~Parking() { close(); }

Parking::Id Parking::enter(Attempt attempt, Fail fail, GivenUp given_up) {
  auto request = std::make_shared<Request>();
  request->attempt = std::move(attempt);
  request->fail = std::move(fail);
  request->given_up = std::move(given_up);
  const auto lot = lot_.lock();
  request->id = ++lot->last;
  lot->requests.emplace(request->id, request);
  return request->id;
}

std::shared_ptr<Parking::Request> Parking::find(Id id) const {
  const auto lot = lot_.lock();
  const auto at = lot->requests.find(id);
  return at == lot->requests.end() ? nullptr : at->second;
}

void Parking::wait(Id id, Pending pending) noexcept {
  if (const auto request = find(id)) settle(request, std::move(pending));
}

/// Like `wait_for`, but fails the request if there is no memory to wait with.
void Parking::settle(const std::shared_ptr<Request>& request, Pending pending) noexcept {
  try {
    wait_for(request, std::move(pending));
  } catch (...) {
    fail_waiting(*request, std::current_exception());
  }
}

/// Answers `request` with `failure` if it waits. If another thread attempts it or has answered it,
/// the failure concerns nobody.
void Parking::fail_waiting(Request& request, std::exception_ptr failure) noexcept {
  {
    const auto state = request.state.lock();
    if (state->stage != Stage::waiting) return;
    state->stage = Stage::answered;
  }
  leave(request);
  request.fail(std::move(failure));
}

/// Puts `request` to wait for `pending`, and attempts it at once as often as that has landed
/// already.
void Parking::wait_for(const std::shared_ptr<Request>& request, Pending pending) {
  for (;;) {
    bool closed = lot_.lock()->closed;
    // What the request waited for before is let go only after this, and without the lock.
    std::vector<Waiter> waits;
    try {
      waits = pending.waiters();
    } catch (...) {
      // The request is still this thread's alone: nobody else answers it.
      fail(*request, std::current_exception());
      return;
    }
    {
      const auto state = request->state.lock();
      if (state->stage == Stage::answered) return;
      closed = closed || state->interrupted;
      state->stage = closed ? Stage::answered : Stage::waiting;
      if (!closed) waits.swap(state->waits);
    }
    if (closed) {
      leave(*request);
      request->fail(interruption());
      return;
    }
    const auto& flight = pending.flight;
    // A pointer that shares nothing: the flight would keep itself alive.
    if (flight->on_landing([this, request, landed = flight.get()] { wake(request, landed); })) {
      // Only now: a deadline that is over before the request waits would find nobody to wake. One
      // that outlives this wait does no harm, it makes for one more attempt.
      if (pending.deadline) add_deadline(*pending.deadline, {request->id, Due::What::attempt});
      return;
    }
    // It had landed before we could wait for it.
    auto again = attempt(*request, flight.get());
    if (!again) return;
    pending = *std::move(again);
  }
}

/// Attempts a request that waits, if it still does. Returns what it has to wait for next. `landed`
/// is the flight that it waited for, or null if it was woken by the time.
std::optional<Pending> Parking::attempt(Request& request, const Flight* landed) noexcept {
  {
    const auto state = request.state.lock();
    if (state->stage != Stage::waiting) return std::nullopt;
    state->stage = Stage::attempting;
  }
  try {
    if (landed != nullptr) landed->rethrow_limit();
    request.attempt();
  } catch (Pending& again) {
    return std::move(again);
  } catch (...) {
    fail(request, std::current_exception());
    return std::nullopt;
  }
  request.state.lock()->stage = Stage::answered;
  leave(request);
  return std::nullopt;
}

void Parking::add_deadline(Clock::time_point deadline, Due due) {
  lot_.lock()->deadlines.emplace(deadline, due);
  deadline_added_.notify_one();
}

void Parking::wake(const std::shared_ptr<Request>& request, const Flight* landed) noexcept {
  if (auto again = attempt(*request, landed)) settle(request, *std::move(again));
}

void Parking::fail(Request& request, std::exception_ptr failure) noexcept {
  request.state.lock()->stage = Stage::answered;
  leave(request);
  request.fail(std::move(failure));
}

/// Forgets a request that is answered, or is about to be.
void Parking::leave(const Request& request) {
  lot_.lock()->requests.erase(request.id);
  std::vector<Waiter> waits;
  waits.swap(request.state.lock()->waits);
}

void Parking::interrupt(Id id) noexcept {
  const auto request = find(id);
  if (!request) return;
  if (!request->given_up()) {
    try {
      add_deadline(Clock::now() + kSecondLook, {id, Due::What::interrupt});
      return;
    } catch (...) {
      // Without memory to ask again, the request ends now: it must not wait for ever.
    }
  }
  end(request);
}

/// Ends the waiting of a request, or keeps it from beginning.
void Parking::end(const std::shared_ptr<Request>& request) noexcept {
  {
    const auto state = request->state.lock();
    state->interrupted = true;
    // One that is entering or being attempted finds the flag when it comes to wait.
    if (state->stage != Stage::waiting) return;
    state->stage = Stage::answered;
  }
  leave(*request);
  request->fail(interruption());
}

void Parking::close() noexcept {
  lot_.lock()->closed = true;
  // One by one, because there may be no memory for a list of them. A request that comes from now on
  // finds the parking closed.
  Id last = 0;
  for (;;) {
    std::shared_ptr<Request> next;
    {
      const auto lot = lot_.lock();
      const auto at = lot->requests.upper_bound(last);
      if (at == lot->requests.end()) return;
      last = at->first;
      next = at->second;
    }
    end(next);
  }
}

void Parking::watch_deadlines(const std::stop_token& stop) {
  while (const auto due = next_due(stop)) {
    if (due->what == Due::What::interrupt) {
      interrupt(due->id);
    } else if (const auto request = find(due->id)) {
      wake(request, nullptr);
    }
  }
}

/// Waits for the next deadline and takes it out; returns nothing once `stop` is requested. It
/// allocates nothing, since nobody could catch what it throws.
std::optional<Parking::Due> Parking::next_due(const std::stop_token& stop) {
  auto lot = lot_.lock();
  while (!stop.stop_requested()) {
    const auto any = [&lot] { return !lot->deadlines.empty(); };
    if (!any()) {
      deadline_added_.wait(lot.native(), stop, any);
      continue;
    }
    const auto first = lot->deadlines.begin()->first;
    if (first <= Clock::now()) {
      const Due due = lot->deadlines.begin()->second;
      lot->deadlines.erase(lot->deadlines.begin());
      return due;
    }
    deadline_added_.wait_until(lot.native(), stop, first, [&] {
      return lot->deadlines.empty() || lot->deadlines.begin()->first < first;
    });
  }
  return std::nullopt;
}

}  // namespace digestfs::fs
