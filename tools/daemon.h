// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/handle.h"

namespace digestfs::tools {

/// Becoming a daemon in two steps, so that what goes wrong before the mount answers is said on the
/// terminal and in the exit code. Use it before there is any thread.
class Daemon {
 public:
  /// Forks. The parent never returns: it waits until the child says `is_ready`, then exits with 0;
  /// if the child exits first, with the child's exit code.
  static Daemon start();
  /// For the foreground: nothing happens, now or later.
  static Daemon in_foreground() { return Daemon(UniqueFd()); }

  /// Lets the parent go, and leaves the terminal: standard streams to /dev/null, log to syslog.
  void is_ready();

 private:
  explicit Daemon(UniqueFd parent) : parent_(std::move(parent)) {}

  UniqueFd parent_;
};

}  // namespace digestfs::tools
