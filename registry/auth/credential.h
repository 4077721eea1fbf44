// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "registry/http/secrets.h"

namespace digestfs::registry {

/// A user's credential for one registry. It is never shown, logged or kept on disk (promise 8); a
/// message may only say where it is from.
struct Credential {
  std::string user;
  std::string password;
  std::string identity_token;  ///< Instead of a password: only the token server gets it (AUTH-9).
  std::string registry_token;  ///< Instead of all others: a ready Bearer token (AUTH-15).
  std::string from;            ///< `--creds`, a file, or a helper and the file that names it.

  /// Returns true if Basic authentication is possible.
  [[nodiscard]] bool has_password() const noexcept { return !user.empty() && !password.empty(); }
  [[nodiscard]] bool empty() const noexcept {
    return user.empty() && password.empty() && identity_token.empty() && registry_token.empty();
  }
  [[nodiscard]] bool operator==(const Credential&) const = default;
};

/// Returns `user:password` in base64, as Basic authentication sends it (RFC 7617).
[[nodiscard]] std::string basic_credentials(const Credential& credential);

/// Returns everything that is secret in `credential`, also as Basic authentication sends it.
[[nodiscard]] Secrets secrets_of(const Credential& credential);

}  // namespace digestfs::registry
