// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

namespace digestfs {

/// Returns true if `thread`, which waits for an answer of the daemon, was sent a signal that should
/// end its wait, or if that cannot be found out. A signal that only tells the thread something,
/// such as the end of a child, does not count: a shell gets those all the time, and a system call
/// that fails each time would look to the shell as if a file were absent.
[[nodiscard]] bool has_given_up(pid_t thread) noexcept;

}  // namespace digestfs
