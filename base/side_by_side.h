// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <utility>

#include "base/flight.h"

namespace digestfs {

/// Runs steps that may each have to wait for something. All steps are begun before the caller
/// waits, so that the things they wait for come side by side.
class SideBySide {
 public:
  SideBySide() = default;
  SideBySide(const SideBySide&) = delete;
  SideBySide& operator=(const SideBySide&) = delete;
  /// If a step has failed, nobody will wait for what the others have begun: that may give up its
  /// place (base/workers.h).
  ~SideBySide() {
    if (!pending_) return;
    try {
      static_cast<void>(pending_->waiters());
    } catch (...) {
      // Without memory they keep their places until they have ended.
    }
  }

  /// Runs `step`. If the step throws `Pending`, keeps that for `wait`.
  template <class Step>
  void run(const Step& step) {
    try {
      step();
    } catch (Pending& thrown) {
      if (!pending_) {
        pending_ = std::move(thrown);
        return;
      }
      pending_->others.push_back(std::move(thrown.flight));
      for (auto& other : thrown.others) pending_->others.push_back(std::move(other));
    }
  }

  /// Returns if no step has to wait. Otherwise throws a `Pending` that wakes the caller when the
  /// first of the things has come, and that counts the caller as a waiter for all of them.
  void wait() {
    if (pending_) throw *std::exchange(pending_, std::nullopt);
  }

 private:
  std::optional<Pending> pending_;
};

}  // namespace digestfs
