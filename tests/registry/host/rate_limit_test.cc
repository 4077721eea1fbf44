// SPDX-License-Identifier: Apache-2.0
#include "registry/host/rate_limit.h"

#include <chrono>

#include <gtest/gtest.h>

#include "base/text.h"

namespace digestfs::registry {
namespace {

using namespace std::chrono_literals;

std::optional<Credential> account(const std::string& user, const std::string& password = "p") {
  return Credential{.user = user,
                    .password = password,
                    .identity_token = {},
                    .registry_token = {},
                    .from = "a file"};
}

bool is_open(Clock::time_point until) { return until <= Clock::now(); }

TEST(RateLimit, B6IsForTheAccountThatItWasSaidTo) {  // RTY-4
  RateLimit limit;
  EXPECT_TRUE(is_open(limit.latest()));
  limit.close_to(std::nullopt, 6h);
  EXPECT_FALSE(is_open(limit.latest()));
  EXPECT_FALSE(is_open(limit.until(std::nullopt)));
  EXPECT_TRUE(is_open(limit.until(account("me"))));
  limit.close_to(account("me"), 1min);
  EXPECT_FALSE(is_open(limit.until(account("me", "that a helper gave")))) << "still the same";
  EXPECT_LT(limit.until(account("me")), Clock::now() + 1h) << "not what others have to wait";
  EXPECT_TRUE(is_open(limit.until(account("you"))));
}

TEST(RateLimit, B6IsForEverybodyWhereNobodyWasAsked) {
  RateLimit limit;
  limit.close(1h);
  limit.close(1min);
  for (const auto& who : {std::optional<Credential>(), account("me")}) {
    EXPECT_GT(limit.until(who), Clock::now() + 50min);
  }
}

TEST(RateLimit, B6IsForEverybodyInTheEnd) {
  RateLimit limit;
  for (int i = 0; i < 20; ++i) limit.close_to(account(str_cat("user", i)), 1h);
  EXPECT_FALSE(is_open(limit.until(account("another"))));
}

}  // namespace
}  // namespace digestfs::registry
