// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/flight.h"
#include "registry/challenge.h"
#include "registry/url.h"

namespace digestfs::registry {

/// A Bearer token. Never shown, logged or kept on disk (AUTH-18).
struct Token {
  std::string value;
  /// From when a new one is asked for: somewhat before it expires.
  Clock::time_point renew_at;
};

/// Reads a token server's answer (AUTH-10): `token`, else `access_token`; 60 s where `expires_in`
/// is missing, no number or less; counted from `issued_at` where that makes sense, else from `now`.
/// Throws `Errc::corrupt` where there is no token in it; the message quotes nothing of it.
[[nodiscard]] Token parse_token(std::string_view body, Clock::time_point now);

/// Where to ask for a token for pulling from the repository `path` (AUTH-8), without a user. The
/// realm is checked first (AUTH-14): http only where the registry speaks it, and no address of a
/// private network but the registry's own. Throws `Errc::denied` with what is wrong.
[[nodiscard]] Url token_url(const Challenge& challenge, const Url& registry,
                            const std::string& path);

/// Whether a server at `from` may send us on to `to` (EP-8, AUTH-14): never from https to http,
/// never to a link-local address, and to an address of a private network or this machine only from
/// the same kind of host. Throws `code` with what is wrong.
void check_target(const Url& from, const Url& to, Errc code);

}  // namespace digestfs::registry
