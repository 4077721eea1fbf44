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

void Parking::wait(Id id, Pending pending) {
  if (const auto request = find(id)) settle(request, std::move(pending));
}

/// Puts `request` to wait for `pending`, and attempts it at once as often as that has landed
/// already.
void Parking::settle(const std::shared_ptr<Request>& request, Pending pending) {
  for (;;) {
    bool closed = lot_.lock()->closed;
    {
      const auto state = request->state.lock();
      if (state->stage == Stage::answered) return;
      closed = closed || state->interrupted;
      state->stage = closed ? Stage::answered : Stage::waiting;
    }
    if (closed) {
      leave(*request);
      request->fail(interruption());
      return;
    }
    if (pending.flight->on_landing([this, request] { wake(request); })) {
      // Only now: a deadline that is over before the request waits would find nobody to wake. One
      // that outlives this wait does no harm, it makes for one more attempt.
      if (pending.deadline) add_deadline(*pending.deadline, {request->id, Due::What::attempt});
      return;
    }
    // It had landed before we could wait for it.
    auto again = attempt(*request);
    if (!again) return;
    pending = *std::move(again);
  }
}

/// Attempts a request that waits, if it still does; what it has to wait for next.
std::optional<Pending> Parking::attempt(Request& request) {
  {
    const auto state = request.state.lock();
    if (state->stage != Stage::waiting) return std::nullopt;
    state->stage = Stage::attempting;
  }
  try {
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

void Parking::wake(const std::shared_ptr<Request>& request) {
  if (auto again = attempt(*request)) settle(request, *std::move(again));
}

void Parking::fail(Request& request, std::exception_ptr failure) {
  request.state.lock()->stage = Stage::answered;
  leave(request);
  request.fail(std::move(failure));
}

void Parking::leave(const Request& request) { lot_.lock()->requests.erase(request.id); }

void Parking::interrupt(Id id) {
  const auto request = find(id);
  if (!request) return;
  if (request->given_up()) {
    end(request);
  } else {
    add_deadline(Clock::now() + kSecondLook, {id, Due::What::interrupt});
  }
}

/// Ends the waiting of a request, or keeps it from beginning.
void Parking::end(const std::shared_ptr<Request>& request) {
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

void Parking::close() {
  std::vector<std::shared_ptr<Request>> waiting;
  {
    const auto lot = lot_.lock();
    lot->closed = true;
    for (const auto& [id, request] : lot->requests) waiting.push_back(request);
  }
  for (const auto& request : waiting) end(request);
}

void Parking::watch_deadlines(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::vector<Due> due;
    {
      auto lot = lot_.lock();
      const auto any = [&lot] { return !lot->deadlines.empty(); };
      if (!any()) {
        deadline_added_.wait(lot.native(), stop, any);
      } else {
        const auto first = lot->deadlines.begin()->first;
        deadline_added_.wait_until(lot.native(), stop, first, [&] {
          return lot->deadlines.empty() || lot->deadlines.begin()->first < first;
        });
      }
      const auto now = Clock::now();
      while (!lot->deadlines.empty() && lot->deadlines.begin()->first <= now) {
        due.push_back(lot->deadlines.begin()->second);
        lot->deadlines.erase(lot->deadlines.begin());
      }
    }
    for (const auto& [id, what] : due) {
      if (what == Due::What::interrupt) {
        interrupt(id);
      } else if (const auto request = find(id)) {
        wake(request);
      }
    }
  }
}

}  // namespace digestfs::fs
