// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/flight.h"
#include "registry/auth/challenge.h"
#include "registry/http/target.h"
#include "registry/http/url.h"
#include "registry/image/reference.h"

namespace digestfs::registry {

/// A Bearer token. Never shown, logged or kept on disk (AUTH-18).
struct Token {
  std::string value;
  Clock::time_point given_at;
  /// When a new token should be asked for: some time before this one expires.
  Clock::time_point renew_at;
  /// What to send instead of the identity token to get the next token. Empty if the server gave
  /// none.
  std::string refresh_token = {};
};

/// Reads a token server's answer (AUTH-10). The token is `token`, or else `access_token`. It lives
/// for 60 s at least, also if `expires_in` is missing or no number, counted from `issued_at` if
/// that makes sense, or else from `now`. Throws `Errc::corrupt` if the answer holds no token; the
/// message quotes nothing of it.
[[nodiscard]] Token parse_token(std::string_view body, Clock::time_point now);

/// The scope of a token for `reference`: `repository:a/b:pull`, or `registry:catalog:*` if the
/// reference names a registry and no repository (AUTH-16).
[[nodiscard]] std::string scope_of(const Reference& reference);

/// Returns the realm of a challenge, which is the URL of the token server, after the checks of
/// `check_target` (AUTH-14). Throws `Errc::denied` with what is wrong.
[[nodiscard]] Url token_realm(const Challenge& challenge, const Sender& registry,
                              bool insecure = false);

/// Returns the URL that asks for a token by GET (AUTH-8), with one parameter for each scope. `user`
/// may be empty.
[[nodiscard]] Url token_url(const Url& realm, const std::string& service,
                            const std::vector<std::string>& scopes, const std::string& user);

/// Returns the form that asks for a token by POST (AUTH-9), with all scopes in one parameter.
[[nodiscard]] std::string token_form(const std::string& service,
                                     const std::vector<std::string>& scopes,
                                     const std::string& identity_token);

}  // namespace digestfs::registry
