// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/error.h"
#include "base/flight.h"
#include "base/text.h"

namespace digestfs::registry {

/// What a server has refused, and for how long that is not sent again: accounts are locked by
/// passwords that are wrong again and again (AUTH-6).
class Refusal {
 public:
  /// Not for `pause`, to begin with.
  Refusal(Error error, Clock::duration pause)
      : error_(std::move(error)), pause_(pause), until_(Clock::now() + pause) {}

  /// Throws what it was refused with, and for how much longer, where it is not to be sent.
  void check() const {
    const auto left = std::chrono::ceil<std::chrono::seconds>(until_ - Clock::now());
    if (left.count() <= 0) return;
    throw Error(error_.code(),
                str_cat(error_.what(), "; not asked again for ", left.count(), " s"));
  }

  /// It was refused again: not for twice as long as the last time, up to 5 min.
  void repeat() {
    pause_ = std::min<Clock::duration>(2 * pause_, std::chrono::minutes(5));
    hold();
  }
  /// Not for as long as the last time, from now.
  void hold() { until_ = Clock::now() + pause_; }
  /// It may be sent.
  void lift() { until_ = Clock::now(); }

 private:
  Error error_;
  Clock::duration pause_;
  Clock::time_point until_;
};

}  // namespace digestfs::registry
