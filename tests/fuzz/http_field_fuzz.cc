// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "registry/auth/challenge.h"
#include "registry/auth/token.h"
#include "registry/host/back_off.h"
#include "registry/http/content_range.h"
#include "registry/http/link.h"
#include "registry/http/url.h"
#include "tests/fuzz/require.h"

// Fields of HTTP heads, from whoever answers: challenges, links, ranges, times.

namespace {

using digestfs::Errc;
using digestfs::Error;
namespace registry = digestfs::registry;

/// A realm that is accepted leads nowhere that it must not.
void check_challenge(const registry::Challenge& challenge) try {
  require(!challenge.scheme.empty());
  const auto own = registry::Url::parse("https://registry.example.org");
  const auto realm = registry::token_realm(challenge, {own});
  require(realm.scheme() == "https");
  require(realm.str().find('@') == std::string::npos ||
          realm.str().find('@') > realm.str().find('/', 8));
  const auto url = registry::token_url(realm, challenge.parameter("service"),
                                       {challenge.parameter("scope")}, "user");
  require(url.origin() == realm.origin());
  require(url.str().find_first_of(" \r\n") == std::string::npos);
} catch (const Error& error) {
  require(error.code() == Errc::denied || error.code() == Errc::corrupt);
}

void check_link(std::string_view text) try {
  const auto link = registry::next_link(text);
  if (!link) return;
  const auto url = registry::Url::parse("https://registry.invalid/v2/a/tags/list").resolve(*link);
  require(url.path().starts_with('/'));
} catch (const Error& error) {
  require(error.code() == Errc::corrupt);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& challenge : registry::parse_challenges(text)) check_challenge(challenge);
  check_link(text);
  if (const auto range = registry::parse_content_range(text); range && range->span) {
    require(range->span->first <= range->span->last);
    require(!range->total || range->span->last < *range->total);
  }
  const auto now = std::chrono::system_clock::from_time_t(1'000'000'000);
  if (const auto wait = registry::parse_retry_after(text, now)) require(wait->count() >= 0);
  return 0;
}
