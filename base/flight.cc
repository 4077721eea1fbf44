// SPDX-License-Identifier: Apache-2.0
#include "base/flight.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace digestfs {

std::uint64_t Progress::bytes_per_second() const noexcept {
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  if (milliseconds <= 0 || done <= already) return 0;
  return static_cast<std::uint64_t>(static_cast<double>(done - already) * 1000 /
                                    static_cast<double>(milliseconds));
}

std::optional<std::chrono::seconds> Progress::time_left() const noexcept {
  const std::uint64_t rate = bytes_per_second();
  if (rate == 0 || total < done) return std::nullopt;
  return std::chrono::seconds((total - done) / rate);
}

void Flight::begin(std::uint64_t total, std::uint64_t already) noexcept {
  done_ = already;
  already_ = already;
  total_ = total;
  began_ = Clock::now();
  has_begun_ = true;
}

Progress Flight::progress() const noexcept {
  return {done_, total_, already_, Clock::now() - began_.load()};
}

void Flight::on_interest(std::function<void()> changed) {
  auto shared = std::make_shared<const std::function<void()>>(std::move(changed));
  const auto state = state_.lock();
  if (!state->landed) state->interest_changed.swap(shared);
}

void Flight::add_waiter() noexcept {
  was_awaited_ = true;
  if (waiters_++ == 0) tell_interest();
}

void Flight::remove_waiter() noexcept {
  if (--waiters_ == 0) tell_interest();
}

void Flight::tell_interest() const noexcept {
  const auto changed = state_.lock()->interest_changed;
  if (changed) (*changed)();
}

bool Flight::has_landed() const { return state_.lock()->landed; }

void Flight::rethrow_failure() const {
  std::exception_ptr failure = state_.lock()->failure;
  if (failure) std::rethrow_exception(failure);
}

void Flight::rethrow_limit() const {
  try {
    rethrow_failure();
  } catch (const Error&) {
    // Whoever asks again is told by the table of flights, or the work is begun again.
  }
}

std::optional<Clock::time_point> Flight::landed_at() const {
  const auto state = state_.lock();
  if (!state->landed) return std::nullopt;
  return state->landed_at;
}

bool Flight::on_landing(std::function<void()> wake) {
  const auto state = state_.lock();
  if (state->landed) return false;
  state->waiting.push_back(std::move(wake));
  return true;
}

void Flight::land(std::exception_ptr failure) {
  std::vector<std::function<void()>> waiting;
  std::shared_ptr<const std::function<void()>> interest_changed;
  {
    const auto state = state_.lock();
    state->landed = true;
    state->landed_at = Clock::now();
    state->failure = std::move(failure);
    waiting = std::exchange(state->waiting, {});
    interest_changed.swap(state->interest_changed);
  }
  for (const auto& wake : waiting) wake();
}

Clock::time_point Flight::wait_until(Clock::duration patience, Clock::time_point now) {
  const auto state = state_.lock();
  const auto [at, first] = state->deadlines.try_emplace(patience, now + patience);
  if (!first && now >= at->second + patience) at->second = now + patience;
  return at->second;
}

Waiter::Waiter(std::shared_ptr<Flight> flight) noexcept : flight_(std::move(flight)) {
  if (flight_) flight_->add_waiter();
}

Waiter& Waiter::operator=(Waiter&& other) noexcept {
  std::swap(flight_, other.flight_);
  return *this;
}

Waiter::~Waiter() {
  if (flight_) flight_->remove_waiter();
}

std::vector<Waiter> Pending::waiters() const {
  std::vector<Waiter> waiters;
  waiters.reserve(1 + others.size());
  waiters.emplace_back(flight);
  for (const auto& other : others) waiters.emplace_back(other);
  return waiters;
}

void Flight::inherit_deadlines(const Flight& earlier) {
  auto deadlines = earlier.state_.lock()->deadlines;
  state_.lock()->deadlines.merge(deadlines);
}

Patience Patience::at_most(Clock::duration most) const {
  return {since, limit ? std::min(*limit, most) : most};
}

void await(const std::shared_ptr<Flight>& flight, const Patience& patience) {
  if (flight->has_landed() && !flight->has_given_up()) {
    flight->rethrow_failure();
    return;
  }
  if (!patience.limit) throw Pending{flight, std::nullopt};
  const auto now = Clock::now();
  const auto deadline =
      std::min(flight->wait_until(*patience.limit, now), patience.since + *patience.limit);
  if (now >= deadline) {
    // This caller came and goes: what it began may give up its place.
    const Waiter gone(flight);
    throw Error(Errc::timed_out, "the source has not answered in time; it is still being asked");
  }
  throw Pending{flight, deadline};
}

}  // namespace digestfs
