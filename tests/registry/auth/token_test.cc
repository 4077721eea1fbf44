// SPDX-License-Identifier: Apache-2.0
#include "registry/auth/token.h"

#include <array>
#include <ctime>

#include <gtest/gtest.h>

#include "base/error.h"

namespace digestfs::registry {
namespace {

using std::chrono::seconds;

/// How long a token that is answered with `body` lives, in seconds.
long life(const std::string& body) {
  const Clock::time_point now{};
  return std::chrono::duration_cast<seconds>(parse_token(body, now).renew_at - now).count();
}

std::string utc(seconds offset) {
  const std::time_t time = std::time(nullptr) + offset.count();
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  std::array<char, 64> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  return text.data();
}

Errc refusal(const std::string& realm, const char* registry) {
  try {
    static_cast<void>(token_realm({"bearer", {{"realm", realm}}}, {Url::parse(registry)}));
  } catch (const Error& error) {
    return error.code();
  }
  return Errc::interrupted;
}

TEST(Token, A6IsTakenFromEitherName) {
  EXPECT_EQ(parse_token(R"({"token":"t"})", {}).value, "t");
  EXPECT_EQ(parse_token(R"({"access_token":"a"})", {}).value, "a");
  EXPECT_EQ(parse_token(R"({"access_token":"a","token":"t"})", {}).value, "t");
}

TEST(Token, LivesAMinuteWhereTheServerSaysNothingUseful) {  // AUTH-10; renewed 10 s early
  for (const char* field :
       {"", R"(,"expires_in":10)", R"(,"expires_in":"300")", R"(,"expires_in":3.5)",
        R"(,"expires_in":-7)", R"(,"expires_in":null)"}) {
    EXPECT_EQ(life(std::string(R"({"token":"t")") + field + "}"), 50) << field;
  }
  EXPECT_EQ(life(R"({"token":"t","expires_in":300})"), 290);
}

TEST(Token, CountsFromTheTimeItWasIssuedWhereThatMakesSense) {
  const auto with = [](const std::string& issued) {
    return life(R"({"token":"t","expires_in":300,"issued_at":")" + issued + "\"}");
  };
  EXPECT_NEAR(static_cast<double>(with(utc(seconds(-100)) + "Z")), 190, 2);
  EXPECT_NEAR(static_cast<double>(with(utc(seconds(-100)) + ".123456Z")), 190, 2);
  EXPECT_NEAR(static_cast<double>(with(utc(seconds(7200 - 100)) + "+02:00")), 190, 2);
  EXPECT_NEAR(static_cast<double>(with(utc(seconds(-5400 - 100)) + "-01:30")), 190, 2);
  EXPECT_EQ(with(utc(seconds(3600)) + "Z"), 290);   // clocks differ
  EXPECT_EQ(with(utc(seconds(-3600)) + "Z"), 290);  // it would have expired
  EXPECT_EQ(with("yesterday"), 290);
  EXPECT_EQ(with(utc(seconds(-100))), 290) << "of no zone";
  EXPECT_EQ(with(utc(seconds(-100)) + "+"), 290);
}

TEST(Token, A7IsNotMadeOfWhatIsNone) {
  for (const char* body : {"", "<html>", "{}", "[]", R"({"token":7})", R"({"token":""})",
                           R"({"token":"a\r\nX-Evil: 1"})", R"({"token":"a b"})"}) {
    try {
      static_cast<void>(parse_token(body, {}));
      ADD_FAILURE() << body;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::corrupt) << body;
      EXPECT_EQ(std::string(error.what()).find("Evil"), std::string::npos);
    }
  }
}

TEST(TokenUrl, HasOneScopeAndKeepsWhatTheRealmBrings) {  // AUTH-8
  const Url registry = Url::parse("https://quay.io");
  const auto realm = [&](const char* text) {
    return token_realm({"bearer", {{"realm", text}}}, {registry});
  };
  const std::string scope = scope_of(Reference::parse("h.example/org/repo"));
  EXPECT_EQ(token_url(realm("https://auth.quay.io/t?x=1"), "a b", {scope}, "").str(),
            "https://auth.quay.io/t?x=1&service=a%20b&scope=repository%3Aorg%2Frepo%3Apull"
            "&client_id=digestfs");
  EXPECT_EQ(token_url(realm("/token"), "", {scope}, "me@x").str(),
            "https://quay.io/token?scope=repository%3Aorg%2Frepo%3Apull&account=me%40x"
            "&client_id=digestfs");
  EXPECT_EQ(token_url(realm("/token"), "", {"a", "b"}, "").query(),
            "?scope=a&scope=b&client_id=digestfs");
}

TEST(TokenForm, HasAllScopesInOne) {  // AUTH-9
  EXPECT_EQ(token_form("s", {"a:b:pull", "c"}, "i&d"),
            "grant_type=refresh_token&refresh_token=i%26d&service=s&scope=a%3Ab%3Apull%20c"
            "&client_id=digestfs");
}

TEST(TokenUrl, A8RefusesARealmThatIsATrap) {  // AUTH-14, A9
  for (const char* realm :
       {"", "http://auth.example.org/", "file:///etc/passwd", "https://169.254.169.254/latest",
        "https://127.0.0.1:1/", "https://localhost/", "https://10.0.0.1/", "https://[::1]/",
        "https://u:p@auth.example.org/", "https://[fe80::1]/", "gopher://x/", "https://a b/"}) {
    EXPECT_EQ(refusal(realm, "https://registry.example.org"), Errc::denied) << realm;
  }
  EXPECT_EQ(refusal("http://169.254.169.254/", "http://127.0.0.1:5000"), Errc::denied);
  EXPECT_EQ(refusal("http://auth.example.org/", "http://127.0.0.1:5000"), Errc::denied);
}

TEST(TokenUrl, A8SaysWhatIsWrongWithARealm) {
  const auto message = [](const std::string& realm) -> std::string {
    try {
      return token_realm({"bearer", {{"realm", realm}}},
                         {Url::parse("https://registry.example.org")})
          .str();
    } catch (const Error& error) {
      return error.what();
    }
  };
  const std::string leads = "https://registry.example.org:443 sends us to ";
  EXPECT_EQ(message("https://10.0.0.1/t"),
            leads +
                "https://10.0.0.1/t for a token, an address that is not public; "
                "--tls-verify=false allows it");
  EXPECT_EQ(message("https://127.0.0.1/t"),
            leads + "https://127.0.0.1/t for a token, an address that is not public");
  EXPECT_EQ(message("http://169.254.169.254/"),
            leads + "http://169.254.169.254/ for a token, a link-local address");
  EXPECT_EQ(message("http://auth.example.org/t"),
            leads + "http://auth.example.org/t for a token, which is not encrypted");
}

TEST(TokenUrl, A9TakesARealmOverHttpOnlyWhereTheUserWantsThat) {
  const Challenge challenge{"bearer", {{"realm", "http://auth.example.org/"}}};
  const Url registry = Url::parse("https://registry.example.org");
  EXPECT_EQ(token_realm(challenge, {registry}, true).str(), "http://auth.example.org/");
}

TEST(TokenUrl, TakesARealmOfTheSameMachineOrNetwork) {
  EXPECT_EQ(refusal("http://127.0.0.1:5001/token", "http://127.0.0.1:5000"), Errc::interrupted);
  EXPECT_EQ(refusal("http://127.0.0.1:5001/token", "http://localhost:5000"), Errc::interrupted);
  EXPECT_EQ(refusal("https://10.0.0.1/token", "https://10.0.0.1"), Errc::interrupted);
}

TEST(TokenUrl, TakesARealmOfTheNetworkThatAnsweredWhateverItsName) {  // AUTH-14
  const auto led = [](HostKind reached, const char* realm) {
    const auto from = Url::parse("https://registry.example.org");
    try {
      return token_realm({"bearer", {{"realm", realm}}}, {from, reached}).str();
    } catch (const Error&) {
      return std::string("refused");
    }
  };
  EXPECT_EQ(led(HostKind::private_net, "https://10.0.0.1/t"), "https://10.0.0.1/t");
  EXPECT_EQ(led(HostKind::loopback, "https://127.0.0.1/t"), "https://127.0.0.1/t");
  EXPECT_EQ(led(HostKind::private_net, "https://127.0.0.1/t"), "refused");
  EXPECT_EQ(led(HostKind::loopback, "https://10.0.0.1/t"), "refused");
  EXPECT_EQ(led(HostKind::link_local, "https://169.254.169.254/t"), "refused");
  EXPECT_EQ(led(HostKind::private_net, "http://10.0.0.1/t"), "refused") << "not encrypted";
}

}  // namespace
}  // namespace digestfs::registry
