// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
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

TEST_F(LoginTest, A7TriesATokenServerAgainThatFailsInPassing) {
  require("Bearer T", bearer());
  std::atomic<int> asked = 0;
  tokens.on([&](const Request&) -> std::optional<Response> {
    return ++asked < 3 ? Response{.status = 500} : Response{.body = R"({"token":"T"})"};
  });
  EXPECT_TRUE(client().resolve("t", {}));
  EXPECT_EQ(asked, 3);
}

TEST_F(LoginTest, A7LeavesATokenServerAloneForAsLongAsItSays) {  // RTY-3
  require("Bearer T", bearer());
  std::atomic<int> asked = 0;
  std::atomic<std::chrono::steady_clock::time_point> told;
  std::atomic<bool> early = false;
  tokens.on([&](const Request&) -> std::optional<Response> {
    const auto now = std::chrono::steady_clock::now();
    if (++asked == 1) {
      told = now;
      return Response{.status = 429, .fields = {{"Retry-After", "1"}}};
    }
    if (now - told.load() < 990ms) early = true;
    return Response{.body = R"({"token":"T"})"};
  });
  EXPECT_TRUE(client().resolve("t", {}));
  EXPECT_EQ(asked, 2);
  EXPECT_FALSE(early);

  tokens.on("/token", {.status = 429, .fields = {{"Retry-After", "21600"}}});
  auto reader = client();
  for (int i = 0; i < 3; ++i) {
    const Error error = failure([&] { static_cast<void>(reader.resolve("t", {})); });
    EXPECT_EQ(error.code(), Errc::rate_limited);
  }
  EXPECT_EQ(tokens.requests().size(), 3U) << "once more than before";
  EXPECT_EQ(fake.count("HEAD", fake.path("/manifests/t")), 3U)
      << "with the token, and as a stranger once by each client";
}

TEST_F(LoginTest, A7DoesNotTryARefusalAgain) {
  require("Bearer T", bearer());
  for (const int status : {401, 403}) {
    tokens.clear_handlers();
    tokens.forget_requests();
    serve_token({.status = status});
    const Error error = refusal(client_of("me:secret"));
    EXPECT_EQ(error.code(), Errc::denied);
    EXPECT_NE(std::string(error.what()).find("--creds"), std::string::npos) << error.what();
    EXPECT_EQ(tokens.requests().size(), 1U);
  }
}

TEST_F(LoginTest, A8SendsNoCredentialsToARealmThatIsATrap) {
  for (const char* realm : {"http://169.254.169.254/t", "file:///etc/passwd", "",
                            "http://10.0.0.1/token", "http://u:p@127.0.0.1/token"}) {
    fake.clear_handlers();
    require("nothing", str_cat("Bearer realm=\"", realm, "\""));
    EXPECT_EQ(refusal(client_of("me:secret")).code(), Errc::denied) << realm;
    EXPECT_TRUE(authorizations(fake).empty());
  }
}

TEST_F(LoginTest, A15AsksAHelperAgainWhereTheTokenServerRefuses) {  // CRED-5, CRED-8
  const std::string path = std::getenv("PATH");
  const auto helper = directory.path() / "docker-credential-turns";
  const std::string turn = (directory.path() / "turn").native();
  std::ofstream(helper) << "#!/bin/sh\necho >>" << turn
                        << "\necho '{\"Username\":\"me\",\"Secret\":\"'$(wc -l <" << turn
                        << ")'\"}'\n";
  std::filesystem::permissions(helper, std::filesystem::perms::owner_all);
  ::setenv("PATH", str_cat(directory.path().native(), ":", path).c_str(), 1);
  require("Bearer T", bearer());
  tokens.on([](const Request& request) -> std::optional<Response> {
    // What it said the first time has expired.
    if (request.field("Authorization") != "Basic " + encode_base64("me:2")) {
      return Response{.status = 401};
    }
    return Response{.body = R"({"token":"T"})"};
  });
  const auto file = directory.path() / "auth.json";
  std::ofstream(file) << R"({"credsStore":"turns"})";
  ClientOptions given = options();
  given.credentials.file = file;
  given.credentials.helper_pause = 0ms;
  Client reader(Reference::parse(fake.source()), given);
  EXPECT_TRUE(reader.resolve("t", {}));
  // A helper that fails takes nothing away that it has helped to.
  std::ofstream(helper) << "#!/bin/sh\nexit 1\n";
  EXPECT_TRUE(reader.resolve("t", {}));
  EXPECT_EQ(tokens.requests().size(), 2U);
  ::setenv("PATH", path.c_str(), 1);
}

TEST_F(LoginTest, A7AsksATokenServerThatRefusesOnceInAWhile) {
  require("Bearer T", bearer());
  serve_token({.status = 401});
  auto reader = client_of("me:secret");
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(failure([&] { static_cast<void>(reader.resolve("t", {})); }).code(), Errc::denied);
  }
  EXPECT_EQ(tokens.requests().size(), 1U) << "or the account would be locked";
}

TEST_F(LoginTest, A7AsksATokenServerThatRefusesLessAndLessOften) {  // AUTH-6
  require("Bearer T", bearer());
  serve_token({.status = 401});
  ClientOptions given = options();
  given.retries.refusal = 950ms;
  given.credentials.given = "me:secret";
  Client reader(Reference::parse(fake.source()), given);
  const auto said = [&] {
    return std::string(failure([&] { static_cast<void>(reader.resolve("t", {})); }).what());
  };
  EXPECT_EQ(said().find("not asked again"), std::string::npos);
  EXPECT_NE(said().find("not asked again for 1 s"), std::string::npos);
  while (tokens.requests().size() < 2) static_cast<void>(said());
  EXPECT_NE(said().find("not asked again for 2 s"), std::string::npos);
}

TEST_F(LoginTest, A7CountsARefusalOnceThatManyWaitedFor) {  // AUTH-6, AUTH-12
  require("Bearer T", bearer());
  std::atomic<int> wanting = 0;
  tokens.on([&wanting](const Request&) -> std::optional<Response> {
    const auto limit = std::chrono::steady_clock::now() + 2s;
    while (wanting < 8 && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
    std::this_thread::sleep_for(50ms);
    return Response{.status = 401};
  });
  ClientOptions given = options();
  given.retries.refusal = 60s;
  given.credentials.given = "me:secret";
  Client reader(Reference::parse(fake.source()), given);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        ++wanting;
        static_cast<void>(failure([&] { static_cast<void>(reader.resolve("t", {})); }));
      });
    }
  }
  EXPECT_EQ(tokens.requests().size(), 1U);
  const std::string said = failure([&] { static_cast<void>(reader.resolve("t", {})); }).what();
  constexpr std::string_view kPause = "not asked again for ";
  const auto at = said.find(kPause);
  ASSERT_NE(at, std::string::npos) << said;
  EXPECT_LE(std::atoi(said.c_str() + at + kPause.size()), 60) << said;
}

TEST_F(LoginTest, A8FollowsNoTokenServerIntoATrap) {  // AUTH-14: each redirect is a realm again
  require("Bearer T", bearer());
  for (const std::string to : {"http://169.254.169.254/", "http://h.invalid/token", "file:///x"}) {
    tokens.clear_handlers();
    tokens.forget_requests();
    serve_token({.status = 307, .fields = {{"Location", to}}});
    EXPECT_EQ(refusal(client_of("me:secret")).code(), Errc::corrupt) << to;
    EXPECT_EQ(tokens.requests().size(), 1U);
  }
}

}  // namespace
}  // namespace digestfs::registry
