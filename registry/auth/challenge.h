// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace digestfs::registry {

/// What a server asks for before it answers (RFC 9110, 11.6.1).
struct Challenge {
  std::string scheme;  ///< In lower case: `bearer`.
  /// By name in lower case. If a name comes twice, the first value counts.
  std::map<std::string, std::string> parameters;

  /// Returns the value of a parameter, or an empty text if there is none of this name.
  [[nodiscard]] std::string parameter(const std::string& name) const;
};

/// Returns all challenges of a `WWW-Authenticate` field, in order (AUTH-4). Understands several
/// challenges in one line, commas in quoted strings, any case, token68, and schemes without
/// parameters. Skips garbage between challenges.
[[nodiscard]] std::vector<Challenge> parse_challenges(std::string_view value);

/// Returns the first challenge of `scheme`, in any line of the field, that names a realm; or else
/// the first challenge of `scheme`.
[[nodiscard]] std::optional<Challenge> find_challenge(const std::vector<std::string>& fields,
                                                      std::string_view scheme);

}  // namespace digestfs::registry
