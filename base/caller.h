// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

namespace digestfs {

/// Whether a thread that waits for us has been sent a signal that should end its waiting. Not one
/// that only tells it something, such as the end of a child: a shell has those all the time, and a
/// failed system call each time would look to it as if a file were not there. True where nobody can
/// tell.
[[nodiscard]] bool has_given_up(pid_t thread) noexcept;

}  // namespace digestfs
