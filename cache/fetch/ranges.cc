// SPDX-License-Identifier: Apache-2.0
#include "cache/fetch/ranges.h"

#include <algorithm>
#include <utility>

namespace digestfs::cache {

Ranges::Ranges(Span missing, const RangePolicy& policy) : policy_(policy), end_(missing.end) {
  policy_.part = std::max<std::uint64_t>(policy_.part, 1);
  if (missing.size() > 0) left_.push_back({missing});
}

std::optional<Ranges::Part> Ranges::take(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  for (;;) {
    const bool is_there = changed_.wait_for(lock, stop, policy_.patience,
                                            [this] { return may_give_out() || is_complete_now(); });
    if (stop.stop_requested()) return std::nullopt;
    if (may_give_out()) break;
    if (is_there) return std::nullopt;
    if (auto part = take_over()) return part;
  }
  Entry& first = left_.front();
  const Span span{first.span.begin, first.span.begin + std::min(policy_.part, first.span.size())};
  taken_.push_back({span, first.was_taken_over});
  first.span.begin = span.end;
  if (first.span.size() == 0) left_.pop_front();
  return std::prev(taken_.end());
}

bool Ranges::may_give_out() const {
  if (left_.empty()) return false;
  const std::uint64_t ahead = left_.front().span.begin - reached_now();
  return ahead == 0 || ahead < policy_.window;
}

/// Takes the first part of another connection over.
std::optional<Ranges::Part> Ranges::take_over() {
  const auto is_slow = [](const Entry& entry) {
    return !entry.was_taken_over && entry.span.size() > 0;
  };
  auto first = taken_.end();
  for (auto at = taken_.begin(); at != taken_.end(); ++at) {
    if (!is_slow(*at)) continue;
    if (first == taken_.end() || at->span.begin < first->span.begin) first = at;
  }
  if (first == taken_.end()) return std::nullopt;
  taken_.push_back({first->span, /*was_taken_over=*/true});
  first->span.begin = first->span.end;
  return std::prev(taken_.end());
}

bool Ranges::extend(Part part) {
  const std::lock_guard lock(mutex_);
  if (left_.empty() || left_.front().span.begin != part->span.end) return false;
  Span& next = left_.front().span;
  const std::uint64_t more = std::min(policy_.part, next.size());
  part->span.end += more;
  next.begin += more;
  if (next.size() == 0) left_.pop_front();
  return true;
}

Span Ranges::missing_of(Part part) const {
  const std::lock_guard lock(mutex_);
  return part->span;
}

void Ranges::advance(Part part, std::uint64_t end) {
  const std::lock_guard lock(mutex_);
  part->span.begin = std::clamp(end, part->span.begin, part->span.end);
  if (policy_.window != UINT64_MAX || is_complete_now()) changed_.notify_all();
}

void Ranges::give_back(Part part) noexcept {
  const std::lock_guard lock(mutex_);
  if (part->span.size() == 0) {
    taken_.erase(part);
  } else {
    const auto is_behind = [&](const Entry& entry) { return entry.span.begin > part->span.begin; };
    left_.splice(std::find_if(left_.begin(), left_.end(), is_behind), taken_, part);
  }
  changed_.notify_all();
}

bool Ranges::are_complete() const {
  const std::lock_guard lock(mutex_);
  return is_complete_now();
}

std::uint64_t Ranges::reached() const {
  const std::lock_guard lock(mutex_);
  return reached_now();
}

std::uint64_t Ranges::reached_now() const {
  std::uint64_t first = left_.empty() ? end_ : left_.front().span.begin;
  for (const Entry& entry : taken_) {
    if (entry.span.size() > 0) first = std::min(first, entry.span.begin);
  }
  return first;
}

}  // namespace digestfs::cache
