// SPDX-License-Identifier: Apache-2.0
#include "cache/ranges.h"

#include <algorithm>

namespace digestfs::cache {

Ranges::Ranges(Span missing, std::uint64_t part)
    : part_(std::max<std::uint64_t>(part, 1)), end_(missing.end) {
  if (missing.size() > 0) left_.push_back(missing);
}

std::optional<Ranges::Part> Ranges::take(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, stop, [this] { return !left_.empty() || taken_.empty(); });
  if (left_.empty() || stop.stop_requested()) return std::nullopt;
  Span& first = left_.back();
  const Span part{first.begin, first.begin + std::min(part_, first.size())};
  first.begin = part.end;
  if (first.size() == 0) left_.pop_back();
  return taken_.insert(taken_.end(), part);
}

Span Ranges::missing_of(Part part) const {
  const std::lock_guard lock(mutex_);
  return *part;
}

void Ranges::advance(Part part, std::uint64_t end) {
  const std::lock_guard lock(mutex_);
  part->begin = std::clamp(end, part->begin, part->end);
}

void Ranges::give_back(Part part) {
  const std::lock_guard lock(mutex_);
  const Span rest = *part;
  taken_.erase(part);
  if (rest.size() > 0) {
    const auto is_after = [&](const Span& span) { return span.begin < rest.begin; };
    left_.insert(std::ranges::find_if(left_, is_after), rest);
  }
  changed_.notify_all();
}

std::uint64_t Ranges::reached() const {
  const std::lock_guard lock(mutex_);
  std::uint64_t first = end_;
  for (const Span& span : taken_) {
    if (span.size() > 0) first = std::min(first, span.begin);
  }
  return left_.empty() ? first : std::min(first, left_.back().begin);
}

}  // namespace digestfs::cache
