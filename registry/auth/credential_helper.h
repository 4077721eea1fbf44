// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>

#include "registry/auth/credential.h"

namespace digestfs::registry {

/// Asks `docker-credential-<name>` in the PATH for the credential of `server` (docker's credential
/// helper protocol, CRED-5). The program runs without a shell, inherits no file descriptor of ours,
/// and is killed after `limit`. Returns nothing if the program says that it has no credential.
/// Throws `Errc::denied` if `name` is no valid name, or if the program is missing, fails or prints
/// something else; `timed_out` if it takes too long; and `interrupted` on `stop`. No message quotes
/// a secret.
[[nodiscard]] std::optional<Credential> ask_helper(
    const std::string& name, const std::string& server, const std::stop_token& stop,
    std::chrono::milliseconds limit = std::chrono::seconds(60));

}  // namespace digestfs::registry
