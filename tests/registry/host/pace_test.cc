// SPDX-License-Identifier: Apache-2.0
#include "registry/host/pace.h"

#include <chrono>
#include <optional>
#include <utility>

#include <gtest/gtest.h>

#include "base/error.h"

namespace digestfs::registry {
namespace {

using namespace std::chrono_literals;

const Url kUrl = Url::parse("https://h.example/v2/");

std::optional<Credential> nobody() { return std::nullopt; }

HttpHead limited(const char* seconds) {
  return {.status = 429, .fields = {{"Retry-After", seconds}}};
}

/// What `wait_to_retry` throws for `error`; nothing if it waits and returns.
std::optional<Errc> outcome(const Pace& pace, Errc error, const Request& request) {
  Attempts attempts;
  try {
    pace.wait_to_retry(Error(error, "it failed"), attempts, request, nobody);
    return std::nullopt;
  } catch (const Error& thrown) {
    return thrown.code();
  }
}

TEST(Pace, TriesAgainWhatMayPass) {  // RTY-1
  Pace pace("h.example", {.first = 0ms, .most = 0ms});
  pace.note_greeting();
  EXPECT_EQ(outcome(pace, Errc::unavailable, {}), std::nullopt);
  EXPECT_EQ(outcome(pace, Errc::timed_out, {}), std::nullopt);
  EXPECT_EQ(outcome(pace, Errc::denied, {}), Errc::denied);
  EXPECT_EQ(outcome(pace, Errc::corrupt, {}), Errc::corrupt);
}

TEST(Pace, DoesNotWaitPastADeadline) {
  Pace pace("h.example", {.first = 0ms, .most = 0ms});
  pace.note_greeting();
  pace.heed(kUrl, limited("30"), "");
  const Request request{.deadline = Clock::now() + 5s, .urgency = Urgency::content};
  EXPECT_EQ(outcome(pace, Errc::unavailable, request), Errc::unavailable);
  try {
    pace.wait_turn(request, nobody);
    ADD_FAILURE() << "it went well";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::rate_limited);
  }
}

TEST(Pace, LeavesAloneOnlyTheAccountThatIsLimited) {  // RTY-4
  Pace pace("h.example", {});
  std::optional<Credential> limited_account(std::in_place);
  limited_account->user = "u";
  limited_account->password = "p";
  pace.heed(kUrl, limited("30"), "", &limited_account);
  EXPECT_NO_THROW(pace.wait_turn({}, nobody));
  EXPECT_THROW(pace.wait_turn({}, [&] { return limited_account; }), Error);
}

TEST(Pace, LeavesAloneATokenServerAndWhereAHostLeads) {  // RTY-3
  Pace pace("h.example", {});
  const Url elsewhere = Url::parse("https://cdn.example/blob");
  EXPECT_NO_THROW(pace.check_token_server(kUrl));
  pace.heed_token_server(kUrl, limited("30"), "");
  EXPECT_THROW(pace.check_token_server(kUrl), Error);
  pace.heed_elsewhere(elsewhere, limited("30"), "");
  EXPECT_THROW(pace.check_elsewhere(elsewhere), Error);
  EXPECT_NO_THROW(pace.check_elsewhere(kUrl));
}

}  // namespace
}  // namespace digestfs::registry
