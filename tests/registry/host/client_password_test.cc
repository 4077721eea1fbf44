// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/text.h"
#include "tests/registry/host/login_fixture.h"

namespace digestfs::registry {
namespace {

TEST_F(LoginTest, AnswersABasicChallenge) {  // AUTH-6
  require(kBasic, "Basic realm=\"x\"");
  EXPECT_TRUE(client_of("me:secret").resolve("t", {}));
  EXPECT_EQ(authorizations(fake), std::vector<std::string>{kBasic}) << "not to /v2/ (AUTH-3)";
}

TEST_F(LoginTest, SaysWhichCredentialsWereRefusedAndNotWhatTheyAre) {  // AUTH-18
  require("nothing", "Basic realm=\"x\"");
  const Error error = refusal(client_of("me:secret"));
  EXPECT_EQ(error.code(), Errc::denied);
  EXPECT_NE(std::string(error.what()).find("--creds"), std::string::npos) << error.what();
  EXPECT_EQ(std::string(error.what()).find("secret"), std::string::npos) << error.what();
  EXPECT_EQ(authorizations(fake), std::vector<std::string>{kBasic}) << "the same again is no use";
}

TEST_F(LoginTest, A12SendsAPasswordThatIsRefusedOnceInAWhile) {  // AUTH-6
  require("Basic " + encode_base64("me:new"), "Basic realm=\"x\"");
  const auto entry = [](const std::string& user) {
    return str_cat(R"({"auth":")", encode_base64(user), "\"}");
  };
  auto reader = client_with_file(entry("me:old"));
  for (int i = 0; i < 5; ++i) {
    const Error error = failure([&] { static_cast<void>(reader.resolve("t", {})); });
    EXPECT_EQ(error.code(), Errc::denied);
    EXPECT_NE(std::string(error.what()).find("auth.json"), std::string::npos) << error.what();
    const bool is_told = std::string(error.what()).find("not asked again") != std::string::npos;
    EXPECT_EQ(is_told, i > 0) << error.what();
  }
  EXPECT_EQ(authorizations(fake).size(), 1U) << "or the account would be locked";
  static_cast<void>(client_with_file(entry("me:new")));  // as `login` does
  EXPECT_TRUE(reader.resolve("t", {})) << "another password is another matter";
}

TEST_F(LoginTest, A12FindsOutOnceThatAPasswordIsNoLongerGood) {  // AUTH-6
  require(kBasic, "Basic realm=\"x\"");
  auto reader = client_of("me:secret");
  EXPECT_TRUE(reader.resolve("t", {}));
  fake.clear_handlers();
  fake.forget_requests();
  require("nothing", "Basic realm=\"x\"");
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(failure([&] { static_cast<void>(reader.resolve("t", {})); }).code(), Errc::denied);
  }
  EXPECT_EQ(authorizations(fake).size(), 2U) << "for the tag, and for nothing in particular";
}

TEST_F(LoginTest, A12FindsOutWhereTheRegistryGreetsEverybody) {  // AUTH-1, AUTH-6
  const auto greet_and_require = [&](const std::string& authorization) {
    fake.clear_handlers();
    fake.forget_requests();
    fake.on([=](const Request& request) -> std::optional<Response> {
      if (request.path() == "/v2/" || request.field("Authorization") == authorization) {
        return std::nullopt;
      }
      return Response{.status = 401, .fields = {{"WWW-Authenticate", "Basic realm=\"x\""}}};
    });
  };
  greet_and_require(kBasic);
  auto reader = client_of("me:secret");
  EXPECT_TRUE(reader.resolve("t", {}));
  greet_and_require("nothing");
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(failure([&] { static_cast<void>(reader.resolve(str_cat("t", i), {})); }).code(),
              Errc::denied);
  }
  EXPECT_EQ(authorizations(fake).size(), 2U) << "for the tag, and for what it was good for";
}

TEST_F(LoginTest, A12FindsOutInSpiteOfWhatFailsInPassing) {  // AUTH-6, RTY-1
  require("nothing", "Basic realm=\"x\"");
  ClientOptions given = options();
  given.retries.refusal = 500ms;
  given.credentials.given = "me:secret";
  Client reader(Reference::parse(fake.source()), given);
  EXPECT_EQ(failure([&] { static_cast<void>(reader.resolve("t", {})); }).code(), Errc::denied);
  fake.clear_handlers();
  require(kBasic, "Basic realm=\"x\"");  // it is good again
  std::atomic<int> failures = 1;
  fake.on([&](const Request& request) -> std::optional<Response> {
    if (request.path() == "/v2/" || failures-- <= 0) return std::nullopt;
    return Response{.status = 503};
  });
  std::this_thread::sleep_for(510ms);
  EXPECT_TRUE(reader.resolve("t", {}));
}

TEST_F(LoginTest, A12TakesNoRefusalOfOneThingForOneOfAll) {  // AUTH-6
  fake.tag("hidden", fake.add_manifest(kManifest, kOci).digest);
  fake.on([](const Request& request) -> std::optional<Response> {
    if (request.field("Authorization") == kBasic && !request.path().ends_with("/hidden")) {
      return std::nullopt;
    }
    return Response{.status = 401, .fields = {{"WWW-Authenticate", "Basic realm=\"x\""}}};
  });
  auto reader = client_of("me:secret");
  EXPECT_TRUE(reader.resolve("t", {}));
  for (int i = 0; i < 3; ++i) {
    const Error error = failure([&] { static_cast<void>(reader.resolve("hidden", {})); });
    EXPECT_EQ(error.code(), Errc::denied);
    EXPECT_EQ(std::string(error.what()).find("sent again"), std::string::npos) << error.what();
  }
  EXPECT_TRUE(reader.resolve("t", {}));
}

TEST_F(LoginTest, A15AsksAHelperAgainWhereTheRegistryForbids) {  // CRED-8
  const Helper helper;
  fake.on([](const Request& request) -> std::optional<Response> {
    if (request.field("Authorization") == "Basic " + encode_base64("right:p")) return std::nullopt;
    const int status = request.field("Authorization").empty() ? 401 : 403;
    return Response{.status = status, .fields = {{"WWW-Authenticate", "Basic realm=\"x\""}}};
  });
  helper.keep("wrong", "p");
  auto reader = client_with_helper();
  EXPECT_EQ(failure([&] { static_cast<void>(reader.resolve("t", {})); }).code(), Errc::denied);
  helper.keep("right", "p");  // who logs in leaves the file as it is
  EXPECT_TRUE(reader.resolve("t", {}));
}

TEST_F(LoginTest, A15KeepsWhatAHelperSaidWhereTheRegistryForbidsOneThing) {  // CRED-5: Artifactory
  const Helper helper;
  require(kBasic, "Basic realm=\"x\"");
  fake.on(fake.path("/manifests/no-such"), {.status = 403});
  helper.keep("me", "secret");
  auto reader = client_with_helper();
  EXPECT_TRUE(reader.resolve("t", {}));
  helper.run("echo no network; exit 1");
  EXPECT_EQ(failure([&] { static_cast<void>(reader.resolve("no-such", {})); }).code(),
            Errc::denied);
  EXPECT_TRUE(reader.resolve("t", {}));
}

TEST_F(LoginTest, B6AsksForWhoIsLoggedInSinceARegistryLimitedOthers) {  // RTY-4, CRED-8
  std::atomic<int> failures = 0;
  Response failing{.status = 503};
  limit_all_but_me(failures, failing);
  auto reader = login("limited:p");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(failure([&] { static_cast<void>(reader.resolve("t", {})); }).code(),
              Errc::rate_limited);
  }
  EXPECT_EQ(fake.count("HEAD", fake.path("/manifests/t")), 1U);
  static_cast<void>(login("me:secret"));
  EXPECT_TRUE(reader.resolve("t", {}));
  // That limit is not for whoever is here now: neither for what fails in passing …
  failures = 1;
  EXPECT_TRUE(reader.resolve("t", {}));
  // … nor as the measure of a limit of their own.
  failures = 1;
  failing = {.status = 429, .fields = {{"Retry-After", "1"}}};
  EXPECT_TRUE(reader.resolve("t", {}));
}

TEST_F(LoginTest, B6LeavesARegistryAloneThatDidNotAskWhoWeAre) {  // RTY-3
  fake.on(fake.path("/"), {.status = 429, .fields = {{"Retry-After", "21600"}}});
  auto reader = login("me:secret");
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(failure([&] { static_cast<void>(reader.resolve("t", {})); }).code(),
              Errc::rate_limited);
  }
  EXPECT_EQ(fake.count("HEAD", fake.path("/manifests/t")), 1U);
}

TEST_F(LoginTest, B6LeavesARegistryAloneThatCannotTakeWhatWeHave) {  // RTY-3, AUTH-9
  std::atomic<int> failures = 0;
  const Response none;
  limit_all_but_me(failures, none);
  auto reader =
      client_with_file(str_cat(R"({"auth":")", encode_base64("me:"), R"(","identitytoken":"i"})"));
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(failure([&] { static_cast<void>(reader.resolve("t", {})); }).code(),
              Errc::rate_limited);
  }
  EXPECT_EQ(fake.count("HEAD", fake.path("/manifests/t")), 1U);
}

TEST_F(LoginTest, A3SendsNoEmptyPassword) {  // AUTH-6
  require(kBasic, "Basic realm=\"x\"");
  const auto error = refusal(
      client_with_file(str_cat(R"({"auth":")", encode_base64("me:"), R"(","identitytoken":"i"})")));
  EXPECT_EQ(error.code(), Errc::denied);
  EXPECT_NE(std::string(error.what()).find("no password"), std::string::npos) << error.what();
  EXPECT_TRUE(authorizations(fake).empty());
  EXPECT_EQ(fake.requests().size(), 2U);  // the greeting, and the question
}

TEST_F(LoginTest, A11TriesBasicWhereABearerHostInsistsOnIt) {  // AUTH-7
  serve_token({.body = R"({"token":"T"})"});
  fake.on([&](const Request& request) -> std::optional<Response> {
    if (request.field("Authorization").empty()) {
      return Response{.status = 401, .fields = {{"WWW-Authenticate", bearer()}}};
    }
    if (request.field("Authorization") == kBasic) return std::nullopt;
    return Response{.status = 401, .fields = {{"WWW-Authenticate", "Basic realm=\"harbor\""}}};
  });
  EXPECT_TRUE(client_of("me:secret").resolve("t", {}));
  EXPECT_EQ(tokens.requests().size(), 2U) << "first a fresh token";
  fake.forget_requests();
  EXPECT_EQ(refusal(client()).code(), Errc::denied);
  for (const std::string& sent : authorizations(fake)) EXPECT_EQ(sent, "Bearer T");
}

TEST_F(LoginTest, A12SendsNothingToABasicHostWhereThereIsNothing) {
  require(kBasic, "Basic realm=\"x\"");
  const Error error = refusal(client());
  EXPECT_EQ(error.code(), Errc::denied);
  EXPECT_NE(std::string(error.what()).find("no credentials"), std::string::npos) << error.what();
  EXPECT_EQ(fake.count("HEAD", fake.path("/manifests/t")), 1U);
  EXPECT_EQ(fake.count("GET", fake.path("/manifests/t")), 0U);
  EXPECT_TRUE(authorizations(fake).empty());
}

}  // namespace
}  // namespace digestfs::registry
