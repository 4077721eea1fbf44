// SPDX-License-Identifier: Apache-2.0
#include "registry/refused_password.h"

#include <string>

#include <gtest/gtest.h>

namespace digestfs::registry {
namespace {

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
    passwords.check(credential);
    return {};
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::denied);
    return error.what();
  }
}

TEST(RefusedPassword, A12IsLeftAloneForAWhile) {
  RefusedPassword passwords;
  EXPECT_EQ(said(passwords, somebody()), "");
  passwords.refuse(somebody(), kRefusal);
  EXPECT_EQ(said(passwords, somebody()),
            "the password was refused, and is not sent again for 5 s: 401");
  EXPECT_EQ(said(passwords, somebody("new")), "");
  passwords.accept(somebody());
  EXPECT_EQ(said(passwords, somebody()), "");
  EXPECT_TRUE(passwords.was_accepted(somebody()));
  EXPECT_FALSE(passwords.was_accepted(somebody("new")));
}

TEST(RefusedPassword, A12IsLeftAloneForLongerEachTime) {
  RefusedPassword passwords;
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

}  // namespace
}  // namespace digestfs::registry
