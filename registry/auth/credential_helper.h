// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>

#include "registry/auth/credential.h"

namespace digestfs::registry {

/// Asks `docker-credential-<name>` in the PATH for what it keeps for `server` (docker's credential
/// helper protocol, CRED-5): no shell, no file descriptors of ours, no longer than `limit`. Nothing
/// where it says that it keeps none. Throws `Errc::denied` where the name is none, the program is
/// missing, fails or prints something else, `timed_out` where it takes too long; the message quotes
/// nothing of a secret. Throws `Errc::interrupted` on `stop`.
[[nodiscard]] std::optional<Credential> ask_helper(
    const std::string& name, const std::string& server, const std::stop_token& stop,
    std::chrono::milliseconds limit = std::chrono::seconds(60));

}  // namespace digestfs::registry
