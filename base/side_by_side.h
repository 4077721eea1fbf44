// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <utility>

#include "base/flight.h"

namespace digestfs {

/// Steps that each may have to wait for something: all of them are begun, so that what they wait
/// for comes side by side, and only then is waited.
class SideBySide {
 public:
  /// Runs `step`; where it throws `Pending`, that is kept for `wait`.
  template <class Step>
  void run(const Step& step) {
    try {
      step();
    } catch (Pending& thrown) {
      if (!pending_) pending_ = std::move(thrown);
    }
  }

  /// Returns if no step has to wait; throws the first `Pending` otherwise.
  void wait() {
    if (pending_) throw *std::exchange(pending_, std::nullopt);
  }

 private:
  std::optional<Pending> pending_;
};

}  // namespace digestfs
