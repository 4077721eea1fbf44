// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <csignal>

#include "base/handle.h"

namespace digestfs::tools {

/// Opens /dev/null as each of the descriptors 0, 1 and 2 that is closed, so that no other file ever
/// gets one of these numbers and is then read as the terminal or overwritten by a message. Call it
/// before anything is opened. Throws `std::system_error`.
void occupy_standard_streams();

/// Returns the signals that the program waits for: SIGINT and SIGTERM end it, SIGHUP makes it ask
/// again for what can change.
[[nodiscard]] sigset_t watched_signals() noexcept;

/// Makes a daemon of the program in two steps, so that the terminal and the exit code tell what
/// goes wrong before the mount answers. Start it before there is any thread, and after the watched
/// signals have been blocked.
class Daemon {
 public:
  /// Forks, and returns in the child only. The parent passes the watched signals on to the child.
  /// It exits with 0 when the child calls `is_ready`, or with the child's exit code when the child
  /// ends before.
  static Daemon start();
  /// For a program that stays in the foreground: does nothing, now or later.
  static Daemon in_foreground() { return Daemon(UniqueFd()); }

  /// Lets the parent exit, and leaves the terminal: the standard streams become /dev/null. The log
  /// must not go to stderr any longer.
  void is_ready();

 private:
  explicit Daemon(UniqueFd parent) : parent_(std::move(parent)) {}

  UniqueFd parent_;
};

}  // namespace digestfs::tools
