// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/text.h"
#include "registry/http/url.h"
#include "tests/registry/host/login_fixture.h"

namespace digestfs::registry {
namespace {

TEST_F(LoginTest, A1PrefersBearerInOneLineWithBasic) {  // AUTH-4, AUTH-5
  require("Bearer T",
          str_cat("Basic realm=\"x\", ", bearer(",scope=\"repository:a/b:pull,push\"")));
  serve_token({.body = R"({"token":"T"})"});
  EXPECT_TRUE(client_of("me:secret").resolve("t", {}));
  EXPECT_EQ(authorizations(fake), std::vector<std::string>{"Bearer T"});
  ASSERT_EQ(tokens.requests().size(), 1U);
  EXPECT_EQ(tokens.requests()[0].target,
            "/token?service=s&scope=repository%3Atest%2Frepo%3Apull&account=me&client_id=digestfs");
  EXPECT_EQ(tokens.requests()[0].field("Authorization"), kBasic);
}

TEST_F(LoginTest, A2TakesAChallengeInAnyCaseAmongOthers) {
  fake.on([&](const Request& request) -> std::optional<Response> {
    if (request.field("Authorization") == "Bearer T") return std::nullopt;
    return Response{
        .status = 401,
        .fields = {{"WWW-Authenticate", "Negotiate"},
                   {"WWW-Authenticate", str_cat("bearer Realm = \"http://", tokens.address(),
                                                "/token\" , SERVICE=s")}}};
  });
  serve_token({.body = R"({"token":"T"})"});
  EXPECT_TRUE(client().resolve("t", {}));
}

TEST_F(LoginTest, A5RenewsAnExpiredTokenForAResume) {
  std::atomic<int> made = 0;
  tokens.on([&](const Request&) -> std::optional<Response> {
    return Response{.body = str_cat(R"({"token":"T)", ++made, R"(","expires_in":300})")};
  });
  const std::string content(100'000, 'x');
  const auto blob = fake.add_blob(content);
  fake.on([&, first = std::make_shared<std::atomic<bool>>(true)](
              const Request& request) -> std::optional<Response> {
    const std::string sent = request.field("Authorization");
    if (sent.empty()) {
      return Response{.status = 401, .fields = {{"WWW-Authenticate", bearer()}}};
    }
    if (request.path() == fake.path("/blobs/" + blob.digest.str()) && first->exchange(false)) {
      return Response{.body = content, .cut = 1000};
    }
    if (sent == "Bearer T1") {
      return Response{.status = 401,
                      .fields = {{"WWW-Authenticate", bearer(",error=\"invalid_token\"")}}};
    }
    return std::nullopt;
  });
  auto reader = client();
  Collector sink;
  EXPECT_EQ(failure([&] { reader.fetch(Endpoint::blobs, blob.digest, {}, sink, kContent); }).code(),
            Errc::unavailable);
  reader.fetch(Endpoint::blobs, blob.digest, {.offset = sink.bytes.size()}, sink, kContent);
  EXPECT_EQ(sink.bytes, content);
  EXPECT_EQ(made, 2);
}

TEST_F(LoginTest, A5TakesANewTokenForEveryResume) {  // AUTH-13
  std::atomic<int> made = 0;
  tokens.on([&](const Request&) -> std::optional<Response> {
    return Response{.body = str_cat(R"({"token":"T)", ++made, R"(","expires_in":300})")};
  });
  const auto blob = fake.add_blob("0123456789");
  fake.on([&](const Request& request) -> std::optional<Response> {
    if (!request.field("Authorization").empty()) return std::nullopt;
    return Response{.status = 401, .fields = {{"WWW-Authenticate", bearer()}}};
  });
  auto reader = client();
  Collector sink;
  reader.fetch(Endpoint::blobs, blob.digest, {.offset = 2}, sink, kContent);
  EXPECT_EQ(made, 1) << "the first is as new as can be";
  reader.fetch(Endpoint::blobs, blob.digest, {}, sink, kContent);
  reader.fetch(Endpoint::blobs, blob.digest, {.offset = 4}, sink, kContent);
  EXPECT_EQ(authorizations(fake),
            (std::vector<std::string>{"Bearer T1", "Bearer T1", "Bearer T2"}));
}

TEST_F(LoginTest, A6KeepsATokenForAsLongAsItSeemsToLive) {  // AUTH-10
  const auto blob = fake.add_blob("hello");
  require("Bearer T", bearer());
  for (const std::string more :
       {R"(,"expires_in":300)", "", R"(,"expires_in":10)", R"(,"expires_in":"300")",
        R"(,"expires_in":300,"issued_at":"2999-01-01T00:00:00Z")",
        R"(,"expires_in":300,"issued_at":"2001-01-01T00:00:00Z")"}) {
    tokens.clear_handlers();
    tokens.forget_requests();
    serve_token({.body = R"({"access_token":"T")" + more + "}"});
    auto reader = client();
    for (int i = 0; i < 20; ++i) {
      Collector sink;
      reader.fetch(Endpoint::blobs, blob.digest, {}, sink, kContent);
      EXPECT_EQ(sink.bytes, "hello");
    }
    EXPECT_LE(tokens.requests().size(), 2U) << more;
  }
}

TEST_F(LoginTest, A14IsSomebodyElseToEachRepository) {  // CRED-2, CRED-6, AUTH-12
  const auto path = directory.path() / "auth.json";
  const auto entry = [&](const std::string& key, const std::string& user) {
    return str_cat("\"", key, R"(":{"auth":")", encode_base64(user + ":secret"), "\"}");
  };
  std::ofstream(path) << R"({"auths":{)" << entry(fake.address() + "/a", "of-a") << ","
                      << entry(fake.address() + "/a/b", "of-ab") << ","
                      << entry(fake.address(), "of-host") << ","
                      << entry("https://" + fake.address() + "/v1/", "of-url") << "}}";
  // A token says whom and what it is for; each repository takes its own alone.
  tokens.on([](const Request& request) -> std::optional<Response> {
    const auto scope = request.target.substr(request.target.find("scope="));
    return Response{.body = str_cat(R"({"token":")", request.field("Authorization").substr(6), "/",
                                    scope.substr(6, scope.find('&') - 6), "\"}")};
  });
  fake.on([&](const Request& request) -> std::optional<Response> {
    if (!request.field("Authorization").starts_with("Bearer ")) {
      return Response{.status = 401, .fields = {{"WWW-Authenticate", bearer()}}};
    }
    if (!request.path().ends_with("/tags/list")) return std::nullopt;
    return Response{.body = R"({"tags":["t"]})"};
  });
  ClientOptions given = options();
  given.credentials.file = path;
  const std::pair<const char*, const char*> expected[] = {{"a/b", "of-ab"},
                                                          {"a/b/c", "of-ab"},
                                                          {"a", "of-a"},
                                                          {"a/other", "of-a"},
                                                          {"elsewhere/b", "of-host"}};
  for (const auto& [repository, user] : expected) {
    Client reader(Reference::parse(str_cat(fake.address(), "/", repository)), given);
    EXPECT_EQ(reader.list_tags(std::nullopt, {}).tags, std::vector<std::string>{"t"});
    EXPECT_EQ(fake.requests().back().field("Authorization"),
              str_cat("Bearer ", encode_base64(str_cat(user, ":secret")), "/",
                      percent_encoded(str_cat("repository:", repository, ":pull"))));
  }
}

TEST_F(LoginTest, A14ForgetsATokenOfSomebodyElse) {  // AUTH-12, CRED-8
  tokens.on([](const Request& request) -> std::optional<Response> {
    return Response{.body = str_cat(R"({"token":")", request.field("Authorization").substr(6),
                                    R"(","expires_in":300})")};
  });
  fake.on([&](const Request& request) -> std::optional<Response> {
    if (!request.field("Authorization").empty()) return std::nullopt;
    return Response{.status = 401, .fields = {{"WWW-Authenticate", bearer()}}};
  });
  auto reader = client_with_file(R"({"auth":")" + encode_base64("me:secret") + "\"}");
  EXPECT_TRUE(reader.resolve("t", {}));
  EXPECT_TRUE(reader.resolve("t", {}));
  EXPECT_EQ(tokens.requests().size(), 1U);
  // `podman login` as somebody else.
  static_cast<void>(client_with_file(R"({"auth":")" + encode_base64("another:secret") + "\"}"));
  EXPECT_TRUE(reader.resolve("t", {}));
  EXPECT_EQ(fake.requests().back().field("Authorization"),
            "Bearer " + encode_base64("another:secret"));
}

TEST_F(LoginTest, A10AsksOnceForTheScopeThatIsMissing) {
  std::atomic<int> made = 0;
  tokens.on([&](const Request&) -> std::optional<Response> {
    return Response{.body = str_cat(R"({"token":"T)", ++made, "\"}")};
  });
  require("nothing", bearer(R"(,error="insufficient_scope",scope="repository:other/repo:pull")"));
  EXPECT_EQ(refusal(client()).code(), Errc::denied);
  ASSERT_GE(tokens.requests().size(), 1U);
  EXPECT_NE(tokens.requests().back().target.find(
                "scope=repository%3Aother%2Frepo%3Apull&scope=repository%3Atest%2Frepo%3Apull"),
            std::string::npos);
  EXPECT_LE(tokens.requests().size(), 2U);
  for (const Request& request : fake.requests()) {
    EXPECT_EQ(request.target.find("other"), std::string::npos);
  }
}

TEST_F(LoginTest, A10AsksForNoMoreTheNextTime) {  // AUTH-12
  std::atomic<int> made = 0;
  tokens.on([&](const Request&) -> std::optional<Response> {
    return Response{.body = str_cat(R"({"token":"T)", ++made, "\"}")};
  });
  fake.on([this](const Request& request) -> std::optional<Response> {
    if (request.path() == "/v2/" || request.field("Authorization") != "Bearer T2") {
      const bool has_one = !request.field("Authorization").empty();
      return Response{
          .status = 401,
          .fields = {
              {"WWW-Authenticate",
               bearer(
                   has_one
                       ? R"(,error="insufficient_scope",scope="repository:b:pull repository:c:pull")"
                       : "")}}};
    }
    return std::nullopt;
  });
  auto reader = client();
  EXPECT_TRUE(reader.resolve("t", {}));
  ASSERT_EQ(tokens.requests().size(), 2U);
  EXPECT_NE(
      tokens.requests()[1].target.find("scope=repository%3Ab%3Apull&scope=repository%3Ac%3Apull&"
                                       "scope=repository%3Atest%2Frepo%3Apull"),
      std::string::npos)
      << tokens.requests()[1].target;
  fake.forget_requests();
  EXPECT_TRUE(reader.resolve("t", {}));
  EXPECT_EQ(authorizations(fake), (std::vector<std::string>{"Bearer T1", "Bearer T2"}));
  EXPECT_EQ(tokens.requests().size(), 2U) << "both are kept";
}

TEST_F(LoginTest, A12LearnsWhatOnlyTheRepositoryAsksFor) {  // AUTH-1, AUTH-12
  std::atomic<int> made = 0;
  tokens.on([&](const Request& request) -> std::optional<Response> {
    const bool is_for_it = request.target.find("service=s") != std::string::npos;
    return Response{.body = str_cat(R"({"token":")", is_for_it ? "good" : "bad", ++made, "\"}")};
  });
  fake.on([&](const Request& request) -> std::optional<Response> {
    if (request.field("Authorization").starts_with("Bearer good")) return std::nullopt;
    const std::string realm = str_cat("Bearer realm=\"http://", tokens.address(), "/token\"");
    return Response{.status = 401,
                    .fields = {{"WWW-Authenticate", request.path() == "/v2/" ? realm : bearer()}}};
  });
  auto reader = client();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(reader.resolve("t", {}));
  EXPECT_EQ(tokens.requests().size(), 1U) << "the question tells more than the greeting";
  EXPECT_EQ(fake.count("HEAD", fake.path("/manifests/t")), 4U);
  EXPECT_EQ(fake.count("GET", fake.path("/manifests/t")), 0U) << "it costs a pull (EP-3)";
}

TEST_F(LoginTest, A7TakesNothingAwayThatIsGood) {  // AUTH-13: Harbor
  std::atomic<int> made = 0;
  tokens.on([&](const Request&) -> std::optional<Response> {
    return ++made == 1 ? Response{.body = R"({"token":"T"})"} : Response{.status = 403};
  });
  require("Bearer T", bearer());
  fake.on(fake.path("/referrers/"), {.status = 401});
  auto reader = client();
  EXPECT_TRUE(reader.resolve("t", {}));
  static_cast<void>(
      failure([&] { static_cast<void>(reader.list_referrers(digest_of("subject"), {})); }));
  EXPECT_EQ(made, 2);
  EXPECT_TRUE(reader.resolve("t", {}));
}

TEST_F(LoginTest, A4RenewsATokenThatIsRefusedWithoutARealm) {  // RFC 6750, 3
  std::atomic<int> made = 0;
  tokens.on([&](const Request&) -> std::optional<Response> {
    return Response{.body = str_cat(R"({"token":"T)", ++made, "\"}")};
  });
  fake.on([&](const Request& request) -> std::optional<Response> {
    if (request.field("Authorization") == "Bearer T2") return std::nullopt;
    const bool is_shown = !request.field("Authorization").empty();
    const std::string challenge = is_shown ? "Bearer error=\"invalid_token\"" : bearer();
    return Response{.status = 401, .fields = {{"WWW-Authenticate", challenge}}};
  });
  EXPECT_TRUE(client().resolve("t", {}));
  EXPECT_EQ(made, 2);
}

TEST_F(LoginTest, A12AsksForOneWhileAnotherIsSlow) {  // one request in flight per key
  require("Bearer T", bearer());
  tokens.on([](const Request& request) -> std::optional<Response> {
    const bool is_slow = request.target.find("account=slow") != std::string::npos;
    return is_slow ? Response{.stall = true} : Response{.body = R"({"token":"T"})"};
  });
  const auto path = directory.path() / "auth.json";
  const auto log_in = [&](const std::string& user) {
    std::ofstream(path) << R"({"auths":{")" << fake.address() << R"(":{"auth":")"
                        << encode_base64(user + ":secret") << "\"}}}";
  };
  log_in("slow");
  ClientOptions given = options();
  given.credentials.file = path;
  Client reader(Reference::parse(fake.source()), given);
  std::jthread slow([&] {
    try {
      static_cast<void>(reader.resolve("t", {}));
    } catch (const Error&) {
      // Nothing has come.
    }
  });
  while (tokens.stalled() == 0) std::this_thread::sleep_for(1ms);
  log_in("another");
  EXPECT_TRUE(reader.resolve("t", {}));
  tokens.release();
}

TEST_F(LoginTest, A4TakesABearerChallengeThatNamesARealm) {  // AUTH-5
  fake.on([&](const Request& request) -> std::optional<Response> {
    if (request.field("Authorization") == "Bearer T") return std::nullopt;
    return Response{.status = 401,
                    .fields = {{"WWW-Authenticate", "Bearer"}, {"WWW-Authenticate", bearer()}}};
  });
  serve_token({.body = R"({"token":"T"})"});
  EXPECT_TRUE(client().resolve("t", {}));
}

}  // namespace
}  // namespace digestfs::registry
