// SPDX-License-Identifier: Apache-2.0
#include "registry/auth/refused_password.h"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

namespace digestfs::registry {
namespace {

using namespace std::chrono_literals;

Credential somebody(const std::string& password = "old") {
  return {.user = "me",
          .password = password,
          .identity_token = {},
          .registry_token = {},
          .from = "a file"};
}

const Error kRefusal(Errc::denied, "401");

/// What is said of sending it; nothing where it may be sent.
std::string said(RefusedPassword& passwords, const Credential& credential) {
  try {
    return passwords.check(credential) ? "find out" : "";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::denied);
    return error.what();
  }
}

TEST(RefusedPassword, A12IsLeftAloneForAWhile) {
  RefusedPassword passwords(5s);
  EXPECT_EQ(said(passwords, somebody()), "");
  passwords.refuse(somebody(), kRefusal);
  EXPECT_EQ(said(passwords, somebody()), "401; not asked again for 5 s");
  EXPECT_EQ(said(passwords, somebody("new")), "");
  passwords.accept(somebody(), "/v2/a");
  EXPECT_EQ(said(passwords, somebody()), "");
  EXPECT_EQ(passwords.accepted_for(somebody()), "/v2/a");
  EXPECT_EQ(passwords.accepted_for(somebody("new")), std::nullopt);
}

TEST(RefusedPassword, A12IsLeftAloneForLongerEachTime) {
  RefusedPassword passwords(5s);
  EXPECT_FALSE(passwords.refuse_again(somebody(), Clock::now()));
  const auto before = Clock::now();
  passwords.refuse(somebody(), kRefusal);
  EXPECT_TRUE(passwords.refuse_again(somebody(), before)) << "sent before that was known";
  EXPECT_NE(said(passwords, somebody()).find("for 5 s"), std::string::npos);
  const auto later = [] { return Clock::now() + std::chrono::hours(1); };
  EXPECT_TRUE(passwords.refuse_again(somebody(), later()));
  EXPECT_NE(said(passwords, somebody()).find("for 10 s"), std::string::npos);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(passwords.refuse_again(somebody(), later()));
  EXPECT_NE(said(passwords, somebody()).find("for 300 s"), std::string::npos);
  EXPECT_FALSE(passwords.refuse_again(somebody("new"), later()));
}

// Two repositories of a registry may have two credentials: the refusal of one once forgot that of
// the other, which was sent again for each name.
TEST(RefusedPassword, A12IsLeftAloneThoughAnotherIsRefusedOrAccepted) {
  RefusedPassword passwords(5s);
  passwords.refuse(somebody(), kRefusal);
  passwords.refuse(somebody("other"), kRefusal);
  EXPECT_NE(said(passwords, somebody()), "");
  EXPECT_NE(said(passwords, somebody("other")), "");
  passwords.accept(somebody("good"), "/v2/a");
  passwords.accept(somebody("better"), "/v2/b");
  EXPECT_NE(said(passwords, somebody()), "");
  EXPECT_EQ(passwords.accepted_for(somebody("good")), "/v2/a");
}

TEST(RefusedPassword, A12IsForgottenAfterManyOthers) {
  RefusedPassword passwords(5s);
  passwords.refuse(somebody(), kRefusal);
  for (std::size_t i = 1; i < RefusedPassword::kMost; ++i) {
    passwords.refuse(somebody(std::to_string(i)), kRefusal);
  }
  EXPECT_NE(said(passwords, somebody()), "");
  passwords.refuse(somebody("one more"), kRefusal);
  EXPECT_EQ(said(passwords, somebody()), "");
}

TEST(RefusedPassword, A12IsTriedByOneOfThoseWhoWait) {
  RefusedPassword passwords(5s);
  passwords.refuse(somebody(), kRefusal);
  passwords.give_back(somebody("new"));
  EXPECT_NE(said(passwords, somebody()), "");
  passwords.give_back(somebody());  // as the pause does when it is over
  EXPECT_EQ(said(passwords, somebody()), "find out");
  EXPECT_NE(said(passwords, somebody()).find("for 5 s"), std::string::npos);
  passwords.give_back(somebody());
  EXPECT_EQ(said(passwords, somebody()), "find out");
}

}  // namespace
}  // namespace digestfs::registry
