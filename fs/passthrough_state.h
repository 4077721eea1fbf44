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
  [[nodiscard]] std::string obstacle() const { return *obstacle_.lock(); }

  void set_used() { obstacle_.lock()->clear(); }
  /// `why` is not empty.
  void set_unused(std::string why) { *obstacle_.lock() = std::move(why); }

 private:
  // Guarded by the lock it lives in.
  Guarded<std::string> obstacle_{std::string("no process has opened a blob or a diff yet")};
};

}  // namespace digestfs::fs
