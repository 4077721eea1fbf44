// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/error.h"
#include "base/flight.h"
#include "base/text.h"

namespace digestfs::registry {

/// A refusal of a server, and for how long the refused credential is not sent again. A server may
/// lock an account that sends a wrong password again and again (AUTH-6). A value.
class Refusal {
 public:
  /// Begins a pause of length `pause`.
  Refusal(Error error, Clock::duration pause)
      : error_(std::move(error)), pause_(pause), until_(Clock::now() + pause) {}

  /// Throws the refusal while the pause lasts. The message says how long it still lasts.
  void check() const {
    const auto left = std::chrono::ceil<std::chrono::seconds>(until_ - Clock::now());
    if (left.count() <= 0) return;
    throw Error(error_.code(),
                str_cat(error_.what(), "; not asked again for ", left.count(), " s"));
  }

  /// Begins a pause of twice the length, at most 5 minutes: the credential was refused again.
  void repeat() {
    pause_ = std::min<Clock::duration>(2 * pause_, std::chrono::minutes(5));
    hold();
  }
  /// Begins a pause of the same length.
  void hold() { until_ = Clock::now() + pause_; }
  /// Ends the pause.
  void lift() { until_ = Clock::now(); }

 private:
  Error error_;
  Clock::duration pause_;
  Clock::time_point until_;
};

}  // namespace digestfs::registry
