// SPDX-License-Identifier: Apache-2.0
#include "registry/auth/token.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <optional>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "registry/image/json.h"

namespace digestfs::registry {
namespace {

using std::chrono::seconds;

constexpr seconds kLeastLife{60};
constexpr seconds kMostLife{24 * 3600};
constexpr seconds kRenewEarly{10};

/// Returns how long ago a time of RFC 3339 was. Returns nothing for any other text.
std::optional<seconds> age_of(const std::string& text) {
  std::tm parts{};
  const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return std::nullopt;
  if (*rest == '.') {
    for (++rest; *rest >= '0' && *rest <= '9';) ++rest;
  }
  // The zone is Z, or the distance from UTC.
  seconds offset{0};
  if (std::string_view(rest) != "Z") {
    const std::string zone(rest);
    if (!zone.starts_with('+') && !zone.starts_with('-')) return std::nullopt;
    std::tm difference{};
    const char* const end = ::strptime(zone.c_str() + 1, "%H:%M", &difference);
    if (end == nullptr || *end != '\0') return std::nullopt;
    offset = std::chrono::hours(difference.tm_hour) + std::chrono::minutes(difference.tm_min);
    if (zone[0] == '-') offset = -offset;
  }
  return seconds(std::time(nullptr) - ::timegm(&parts)) + offset;
}

}  // namespace

Token parse_token(std::string_view body, Clock::time_point now) {
  nlohmann::json answer;
  try {
    answer = parse_json(body, NameCase::matters);
  } catch (const Error&) {
    throw Error(Errc::corrupt, "its answer is no JSON");
  }
  const std::string access = text_member(answer, "access_token");
  std::string value = text_member(answer, "token");
  if (value.empty()) {
    value = access;
  } else if (!access.empty() && access != value) {
    DIGESTFS_LOG(debug, "a token server gives two tokens; `token` is taken");  // AUTH-10
  }
  const auto is_plain = [](char c) { return c > ' ' && c < '\x7f'; };
  if (value.empty()) throw Error(Errc::corrupt, "there is no token in its answer");
  if (!std::ranges::all_of(value, is_plain)) {
    throw Error(Errc::corrupt, "the token in its answer has characters that no token has");
  }
  const auto most = static_cast<std::uint64_t>(kMostLife.count());
  const auto stated = std::min(number_member(answer, "expires_in").value_or(0), most);
  const seconds life = std::max(kLeastLife, seconds(stated));
  // If the two clocks differ by more than the token's life, `issued_at` is of no use.
  seconds age = age_of(text_member(answer, "issued_at")).value_or(seconds(0));
  if (age < seconds(0) || age >= life) age = seconds(0);
  return {.value = std::move(value),
          .given_at = now,
          .renew_at = now + std::max(life - age - kRenewEarly, seconds(1)),
          .refresh_token = text_member(answer, "refresh_token")};
}

std::string scope_of(const Reference& reference) {
  return reference.path.empty() ? std::string("registry:catalog:*")
                                : str_cat("repository:", reference.path, ":pull");
}

Url token_realm(const Challenge& challenge, const Sender& registry, bool insecure) {
  const std::string realm = challenge.parameter("realm");
  if (realm.empty()) {
    throw Error(Errc::denied, str_cat(registry.url.origin(), " wants a token but names no realm"));
  }
  std::optional<Url> url;
  try {
    url = registry.url.resolve(realm);
  } catch (const Error& error) {
    throw Error(Errc::denied,
                str_cat(registry.url.origin(), " names a realm that is no use: ", error.what()));
  }
  check_target(registry, *url, Errand::token, Errc::denied, insecure);
  return *url;
}

Url token_url(const Url& realm, const std::string& service, const std::vector<std::string>& scopes,
              const std::string& user) {
  // The query of the realm stays. No parameter is empty (AUTH-8).
  std::string text = str_cat(realm.str(), realm.query().empty() ? '?' : '&');
  if (!service.empty()) text += str_cat("service=", percent_encoded(service), "&");
  for (const std::string& scope : scopes) text += str_cat("scope=", percent_encoded(scope), "&");
  if (!user.empty()) text += str_cat("account=", percent_encoded(user), "&");
  return Url::parse(text + "client_id=digestfs");
}

std::string token_form(const std::string& service, const std::vector<std::string>& scopes,
                       const std::string& identity_token) {
  std::string all;
  for (const std::string& scope : scopes) all += (all.empty() ? "" : " ") + scope;
  const std::string of = service.empty() ? "" : str_cat("&service=", percent_encoded(service));
  return str_cat("grant_type=refresh_token&refresh_token=", percent_encoded(identity_token), of,
                 "&scope=", percent_encoded(all), "&client_id=digestfs");
}

}  // namespace digestfs::registry
