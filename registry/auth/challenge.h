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
  std::string scheme;                             ///< in lower case: `bearer`
  std::map<std::string, std::string> parameters;  ///< names in lower case; the first of a name

  /// The value of a parameter; empty where there is none.
  [[nodiscard]] std::string parameter(const std::string& name) const;
};

/// All challenges of a `WWW-Authenticate` field, in order (AUTH-4): several in one line, commas in
/// quoted strings, any case, token68 and parameterless schemes. Garbage between them is skipped.
[[nodiscard]] std::vector<Challenge> parse_challenges(std::string_view value);

/// The first challenge with `scheme` among all lines of the field that names a realm, or the first.
[[nodiscard]] std::optional<Challenge> find_challenge(const std::vector<std::string>& fields,
                                                      std::string_view scheme);

}  // namespace digestfs::registry
