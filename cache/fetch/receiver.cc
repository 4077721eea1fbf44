// SPDX-License-Identifier: Apache-2.0
#include "cache/fetch/receiver.h"

#include <chrono>
#include <cstddef>

#include "base/error.h"
#include "base/text.h"

namespace digestfs::cache {
namespace {

// What is written at once, in bytes, and in which time it has to come to be kept until then.
constexpr std::size_t kWriteAtOnce = std::size_t{256} << 10U;
constexpr std::chrono::milliseconds kFast{20};

}  // namespace

Receiver::Receiver(const Store& store, Partial& partial, const Bounds& bounds,
                   registry::Copy wanted, Flight& flight)
    : store_(store),
      partial_(partial),
      wanted_(wanted),
      flight_(flight),
      bounds_(bounds),
      disk_(store, partial, partial.size()),
      size_(partial.size()) {}

void Receiver::begin(const registry::Beginning& beginning) {
  total_ = beginning.total;
  flush();
  if (beginning.offset != size_) {
    has_restarted_ = true;
    partial_.truncate();
    disk_.go_to(0);
    size_ = 0;
  }
  if (!bounds_.most) bounds_.most = total_.value_or(store_.limits().unsized);
  check(total_.value_or(0));
  if (total_.value_or(0) > size_) disk_.expect(*total_ - size_);
  flight_.begin(total_.value_or(0), size_);
}

void Receiver::write(std::span<const std::byte> bytes) {
  check(size_ + bytes.size());
  flight_.advance(bytes.size());
  size_ += bytes.size();
  piece_ += bytes.size();
  kept_.insert(kept_.end(), bytes.begin(), bytes.end());
  const auto now = Clock::now();
  const bool is_whole = piece_ >= kWriteAtOnce;
  const bool is_slow = now - began_at_ >= kFast;
  if (is_whole || is_slow) {
    is_fast_ = !is_slow;
    began_at_ = now;
    piece_ = 0;
  }
  if (is_whole || !is_fast_ || !may_keep_) flush();
}

void Receiver::flush() {
  disk_.write(kept_);
  kept_.clear();
}

void Receiver::stop_keeping() {
  may_keep_ = false;
  flush();
}

void Receiver::check_end(std::uint64_t had, std::optional<std::uint64_t> claimed) const {
  const std::uint64_t whole = total_.value_or(claimed.value_or(0));
  const std::uint64_t size = partial_.size();
  if (size >= whole || size <= had) return;
  throw Error(Errc::unavailable, str_cat("it ended after ", size, " of ", whole, " bytes"));
}

void Receiver::check(std::uint64_t size) const {
  if (size > bounds_.limit) {
    throw Error(Errc::too_large, str_cat("cannot fetch ", partial_.digest(), ": it is larger than ",
                                         bounds_.limit, " bytes"));
  }
  if (bounds_.most && size > *bounds_.most) throw GoesOn{*bounds_.most};
}

}  // namespace digestfs::cache
