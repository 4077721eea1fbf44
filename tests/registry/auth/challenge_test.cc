// SPDX-License-Identifier: Apache-2.0
#include "registry/auth/challenge.h"

#include <gtest/gtest.h>

namespace digestfs::registry {
namespace {

TEST(Challenge, A1KeepsCommasInQuotedStrings) {
  const auto challenges = parse_challenges(
      R"(Basic realm="x", Bearer realm="http://r/token",service="s",scope="repository:a/b:pull,push")");
  ASSERT_EQ(challenges.size(), 2U);
  EXPECT_EQ(challenges[0].scheme, "basic");
  EXPECT_EQ(challenges[0].parameter("realm"), "x");
  EXPECT_EQ(challenges[1].scheme, "bearer");
  EXPECT_EQ(challenges[1].parameter("realm"), "http://r/token");
  EXPECT_EQ(challenges[1].parameter("service"), "s");
  EXPECT_EQ(challenges[1].parameter("scope"), "repository:a/b:pull,push");
}

TEST(Challenge, A2TakesAnyCaseBlanksAndTokens) {
  const auto challenges = parse_challenges(R"(bearer Realm = "https://r/t" , SERVICE=s)");
  ASSERT_EQ(challenges.size(), 1U);
  EXPECT_EQ(challenges[0].parameter("realm"), "https://r/t");
  EXPECT_EQ(challenges[0].parameter("service"), "s");
}

TEST(Challenge, UndoesEscapesAndKeepsEmptyValues) {
  const auto challenges = parse_challenges(R"(Bearer realm="a\"b\\c",service="")");
  ASSERT_EQ(challenges.size(), 1U);
  EXPECT_EQ(challenges[0].parameter("realm"), R"(a"b\c)");
  EXPECT_EQ(challenges[0].parameters.count("service"), 1U);
  EXPECT_EQ(challenges[0].parameter("service"), "");
}

TEST(Challenge, SkipsToken68AndSchemesWithoutParameters) {
  const auto challenges =
      parse_challenges(R"(Negotiate, NTLM TlRM/TVNTUAAB==, Bearer realm="https://r")");
  ASSERT_EQ(challenges.size(), 3U);
  EXPECT_EQ(challenges[0].scheme, "negotiate");
  EXPECT_EQ(challenges[1].scheme, "ntlm");
  EXPECT_TRUE(challenges[1].parameters.empty());
  EXPECT_EQ(challenges[2].parameter("realm"), "https://r");
}

TEST(Challenge, KeepsTheFirstOfAName) {
  const auto challenges = parse_challenges(R"(Bearer realm="https://a",realm="https://b")");
  ASSERT_EQ(challenges.size(), 1U);
  EXPECT_EQ(challenges[0].parameter("realm"), "https://a");
}

TEST(Challenge, EndsOnGarbage) {
  for (const char* text : {"", ",", "=", "\"", "Bearer realm=\"", "Bearer realm=\"\\",
                           "====,,,=", "\xff\xfe", "Bearer =\"x\"", "Bearer realm"}) {
    static_cast<void>(parse_challenges(text));
  }
  EXPECT_TRUE(parse_challenges(",,=\"").empty());
}

TEST(Challenge, IsFoundInAnyLineOfTheField) {
  const auto found = find_challenge({"Negotiate", R"(Bearer realm="https://r")"}, "bearer");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->parameter("realm"), "https://r");
  EXPECT_FALSE(find_challenge({"Basic realm=x"}, "bearer"));
}

}  // namespace
}  // namespace digestfs::registry
