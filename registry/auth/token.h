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
  /// From when a new one is asked for: somewhat before it expires.
  Clock::time_point renew_at;
  /// What the next one is to be asked for with instead of the identity token; empty where the
  /// server gave none.
  std::string refresh_token = {};
};

/// Reads a token server's answer (AUTH-10): `token`, else `access_token`; 60 s where `expires_in`
/// is missing, no number or less; counted from `issued_at` where that makes sense, else from `now`.
/// Throws `Errc::corrupt` where there is no token in it; the message quotes nothing of it.
[[nodiscard]] Token parse_token(std::string_view body, Clock::time_point now);

/// What a token is for: `repository:a/b:pull`, or `registry:catalog:*` where a registry is meant
/// (AUTH-16).
[[nodiscard]] std::string scope_of(const Reference& reference);

/// The realm of a challenge, checked as `check_target` does (AUTH-14). Throws `Errc::denied` with
/// what is wrong.
[[nodiscard]] Url token_realm(const Challenge& challenge, const Sender& registry,
                              bool insecure = false);

/// Where to ask for a token by GET (AUTH-8): one parameter for each scope; `user` may be empty.
[[nodiscard]] Url token_url(const Url& realm, const std::string& service,
                            const std::vector<std::string>& scopes, const std::string& user);

/// What to POST to a realm for a token instead (AUTH-9): all scopes in one parameter.
[[nodiscard]] std::string token_form(const std::string& service,
                                     const std::vector<std::string>& scopes,
                                     const std::string& identity_token);

}  // namespace digestfs::registry
