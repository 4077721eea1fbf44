// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <utility>

#include "base/flight.h"

namespace digestfs {

/// Runs several steps that may each throw `Pending`, and waits only after the last, so that the
/// flights of all steps are under way at the same time.
class SideBySide {
 public:
  /// Runs `step`. If the step throws `Pending`, keeps that for `wait`.
  template <class Step>
  void run(const Step& step) {
    try {
      step();
    } catch (Pending& thrown) {
      if (!pending_) pending_ = std::move(thrown);
    }
  }

  /// Returns if no step had to wait, and throws the first `Pending` otherwise. Whoever runs the
  /// steps again later finds the next one that has to wait.
  void wait() {
    if (pending_) throw *std::exchange(pending_, std::nullopt);
  }

 private:
  std::optional<Pending> pending_;
};

}  // namespace digestfs
