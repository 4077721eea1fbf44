// SPDX-License-Identifier: Apache-2.0
#include "cache/fetch/arrival.h"

#include <algorithm>
#include <utility>

#include <fcntl.h>

#include "base/error.h"
#include "base/file.h"

namespace digestfs::cache {
namespace {

// How many bytes have to come until readers are woken: to wake one takes longer than to hash a
// small piece.
constexpr std::uint64_t kWakeStep = std::uint64_t{256} << 10U;

}  // namespace

void Arrival::begin(int fd) {
  UniqueFd own(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!own) throw_system_error("share a partial file with those who read it");
  auto file = std::make_shared<const UniqueFd>(std::move(own));
  const std::lock_guard lock(mutex_);
  state_.file.swap(file);
  // Whoever waits for the first file has read nothing.
  if (file) change(state_);
}

void Arrival::reach(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t before = std::exchange(state_.reached, std::max(state_.reached, bytes));
  if (before / kWakeStep != state_.reached / kWakeStep) changed_.notify_all();
}

void Arrival::complete() {
  const std::lock_guard lock(mutex_);
  state_.is_complete = true;
  changed_.notify_all();
}

void Arrival::restart() {
  const std::lock_guard lock(mutex_);
  change(state_);
}

void Arrival::change(State& state) {
  ++state.generation;
  state.reached = 0;
  state.is_complete = false;
  changed_.notify_all();
}

void Arrival::settle(bool is_verified) {
  std::shared_ptr<const UniqueFd> dropped;
  const std::lock_guard lock(mutex_);
  if (state_.verdict != Verdict::none) return;
  state_.verdict = is_verified ? Verdict::verified : Verdict::failed;
  // Nobody reads it any more, so it is not kept locked.
  if (!is_verified) dropped.swap(state_.file);
  changed_.notify_all();
}

ArrivalReader::ArrivalReader(std::shared_ptr<Arrival> arrival) : arrival_(std::move(arrival)) {
  const std::lock_guard lock(arrival_->mutex_);
  generation_ = arrival_->state_.generation;
}

std::size_t ArrivalReader::read(std::span<std::byte> buffer, const std::stop_token& stop) {
  std::shared_ptr<const UniqueFd> file;
  std::uint64_t some = 0;
  {
    std::unique_lock lock(arrival_->mutex_);
    Arrival::State& state = arrival_->state_;
    const auto is_over = [&] {
      return state.generation != generation_ || state.verdict == Arrival::Verdict::failed;
    };
    const std::uint64_t enough = std::min<std::uint64_t>(buffer.size(), kWakeStep);
    const bool is_there = arrival_->changed_.wait(lock, stop, [&] {
      return is_over() || state.is_complete || state.reached >= at_ + enough;
    });
    if (!is_there || is_over()) {
      throw Error(Errc::interrupted, "what has arrived of an object counts no longer");
    }
    file = state.file;
    some = std::min<std::uint64_t>(buffer.size(), state.reached - at_);
  }
  if (some == 0) return 0;
  const std::size_t got = read_at(file->get(), buffer.first(static_cast<std::size_t>(some)), at_);
  if (got == 0) throw Error(Errc::interrupted, "somebody else has shortened a partial file");
  at_ += got;
  return got;
}

bool ArrivalReader::is_verified(const std::stop_token& stop) {
  std::unique_lock lock(arrival_->mutex_);
  const Arrival::State& state = arrival_->state_;
  const bool is_known = arrival_->changed_.wait(lock, stop, [&] {
    return state.generation != generation_ || state.verdict != Arrival::Verdict::none;
  });
  return is_known && state.generation == generation_ && state.verdict == Arrival::Verdict::verified;
}

}  // namespace digestfs::cache
