// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "registry/http/secrets.h"

namespace digestfs::registry {

/// What proves who we are to one registry. Never shown, logged or kept on disk (promise 8); only
/// where it is from may be told.
struct Credential {
  std::string user;
  std::string password;
  std::string identity_token;  ///< instead of a password: goes to the token server alone (AUTH-9)
  std::string registry_token;  ///< instead of all that: a Bearer token as it is (AUTH-15)
  std::string from;            ///< `--creds`, a file, or a helper and the file that names it

  /// Whether Basic authentication has what it sends.
  [[nodiscard]] bool has_password() const noexcept { return !user.empty() && !password.empty(); }
  [[nodiscard]] bool empty() const noexcept {
    return user.empty() && password.empty() && identity_token.empty() && registry_token.empty();
  }
  [[nodiscard]] bool operator==(const Credential&) const = default;
};

/// `user:password` in base64, as Basic authentication has it (RFC 7617).
[[nodiscard]] std::string basic_credentials(const Credential& credential);

/// All that is secret in `credential`, and what Basic authentication makes of it.
[[nodiscard]] Secrets secrets_of(const Credential& credential);

}  // namespace digestfs::registry
