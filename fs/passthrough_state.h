// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "base/guarded.h"

namespace digestfs::fs {

/// Says whether the kernel reads files of the cache by itself (FUSE passthrough), and if it does
/// not, why. A mount has one. Safe for concurrent use.
class PassthroughState {
 public:
  /// Returns an empty text if the kernel reads by itself, and otherwise the reason why it does not.
  [[nodiscard]] std::string obstacle() const { return state_.lock()->obstacle; }

  /// Says that the kernel reads a file by itself. Means nothing after `set_unused`.
  void set_used() {
    const auto state = state_.lock();
    if (!state->is_final) state->obstacle.clear();
  }
  /// Says that no further file is read so, and why: `why` is not empty.
  void set_unused(std::string why) { *state_.lock() = {std::move(why), true}; }

 private:
  struct State {
    std::string obstacle = "no process has opened a blob or a diff that is on the disk yet";
    bool is_final = false;
  };
  // Guarded by the lock it lives in.
  Guarded<State> state_;
};

}  // namespace digestfs::fs
