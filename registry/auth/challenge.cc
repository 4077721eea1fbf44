// SPDX-License-Identifier: Apache-2.0
#include "registry/auth/challenge.h"

#include <algorithm>
#include <cstddef>

#include "registry/http/field.h"

namespace digestfs::registry {
namespace {

/// Skips a token68 (RFC 9110, 11.2). The characters behind it tell it from a parameter.
void skip_token68(FieldReader& field) {
  constexpr std::string_view kToken68 =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/";
  const std::string_view rest = field.rest();
  std::size_t end = std::min(rest.find_first_not_of(kToken68), rest.size());
  if (end == 0) return;
  end = std::min(rest.find_first_not_of('=', end), rest.size());
  const std::size_t next = rest.find_first_not_of(" \t", end);
  if (next != std::string_view::npos && rest[next] != ',') return;
  while (field.rest().size() > rest.size() - end) field.skip_any();
}

}  // namespace

std::string Challenge::parameter(const std::string& name) const {
  const auto at = parameters.find(name);
  return at == parameters.end() ? std::string() : at->second;
}

std::vector<Challenge> parse_challenges(std::string_view value) {
  std::vector<Challenge> challenges;
  FieldReader field(value);
  while (!field.at_end()) {
    field.skip_blanks();
    const std::string_view name = field.token();
    if (name.empty()) {
      field.skip_any();
      continue;
    }
    field.skip_blanks();
    if (field.skip('=')) {
      field.skip_blanks();
      std::string parameter = field.value();
      if (!challenges.empty()) {
        challenges.back().parameters.emplace(lower_case(name), std::move(parameter));
      }
      continue;
    }
    challenges.push_back({lower_case(name), {}});
    skip_token68(field);
  }
  return challenges;
}

std::optional<Challenge> find_challenge(const std::vector<std::string>& fields,
                                        std::string_view scheme) {
  std::optional<Challenge> first;
  for (const std::string& field : fields) {
    for (Challenge& challenge : parse_challenges(field)) {
      if (challenge.scheme != scheme) continue;
      if (!challenge.parameter("realm").empty()) return std::move(challenge);
      if (!first) first = std::move(challenge);
    }
  }
  return first;
}

}  // namespace digestfs::registry
