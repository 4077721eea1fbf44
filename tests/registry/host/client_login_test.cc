// SPDX-License-Identifier: Apache-2.0
// Who we are to a registry, and that nobody else learns it (reference 11.1, 11.2). The names of
// registry, token server and CDN are three ports, which is as far apart as hosts are (EP-8).

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>

#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/guarded.h"
#include "base/text.h"
#include "registry/http/url.h"
#include "tests/registry/host/client_fixture.h"
#include "tests/support/mounted.h"

namespace digestfs::registry {
namespace {

const std::string kBasic = "Basic " + encode_base64("me:secret");

/// `docker-credential-keeps`, the first in the PATH for as long as it lives.
class Helper {
 public:
  Helper() : path_(std::getenv("PATH")) {
    ::setenv("PATH", str_cat(directory_.path().native(), ":", path_).c_str(), 1);
  }
  ~Helper() { ::setenv("PATH", path_.c_str(), 1); }
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;

  void keep(const std::string& user, const std::string& password) const {
    run(str_cat("echo '{\"Username\":\"", user, "\",\"Secret\":\"", password, "\"}'"));
  }
  void run(const std::string& script) const {
    const auto program = directory_.path() / "docker-credential-keeps";
    std::ofstream(program) << "#!/bin/sh\n" << script << "\n";
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  }

 private:
  const test::TemporaryDirectory directory_;
  const std::string path_;
};

class LoginTest : public ClientTest {
 protected:
  LoginTest() { fake.tag("t", fake.add_manifest(kManifest, kOci).digest); }

  /// The registry answers who sends `authorization`, and challenges the rest.
  void require(const std::string& authorization, const std::string& challenge) {
    fake.on([=](const Request& request) -> std::optional<Response> {
      if (request.field("Authorization") == authorization) return std::nullopt;
      return Response{.status = 401, .fields = {{"WWW-Authenticate", challenge}}};
    });
  }

  /// The registry limits everybody for hours but `me`, whose requests fail `failures` times.
  void limit_all_but_me(std::atomic<int>& failures, const Response& failing) {
    fake.on([&](const Request& request) -> std::optional<Response> {
      if (request.field("Authorization") == kBasic) {
        return failures-- > 0 ? std::optional(failing) : std::nullopt;
      }
      if (request.path() == "/v2/") {
        return Response{.status = 401, .fields = {{"WWW-Authenticate", "Basic realm=\"x\""}}};
      }
      return Response{.status = 429, .fields = {{"Retry-After", "21600"}}};
    });
  }

  [[nodiscard]] std::string bearer(const std::string& more = "") const {
    return str_cat("Bearer realm=\"http://", tokens.address(), "/token\",service=\"s\"", more);
  }

  void serve_token(const Response& response) { tokens.on("/token", response); }

  /// A client whose credentials are those of this file.
  [[nodiscard]] Client client_with_file(const std::string& entry) const {
    const auto path = directory.path() / "auth.json";
    std::ofstream(path) << R"({"auths":{")" << fake.address() << "\":" << entry << "}}";
    ClientOptions given = options();
    given.credentials.file = path;
    return {Reference::parse(fake.source()), given};
  }

  /// The same as after a login; `account` is `USER:PASSWORD`.
  [[nodiscard]] Client login(const std::string& account) const {
    return client_with_file(str_cat(R"({"auth":")", encode_base64(account), "\"}"));
  }

  /// A client that asks the helper `keeps`, again at once where that makes sense.
  [[nodiscard]] Client client_with_helper() const {
    const auto path = directory.path() / "auth.json";
    std::ofstream(path) << R"({"credsStore":"keeps"})";
    ClientOptions given = options();
    given.credentials.file = path;
    given.credentials.helper_pause = 0ms;
    return {Reference::parse(fake.source()), given};
  }

  [[nodiscard]] Error refusal(Client reader) const {
    return failure([&] { static_cast<void>(reader.resolve("t", {})); });
  }

  [[nodiscard]] static std::vector<std::string> authorizations(const FakeRegistry& of) {
    std::vector<std::string> all;
    for (const Request& request : of.requests()) {
      const std::string field = request.field("Authorization");
      if (!field.empty()) all.push_back(field);
    }
    return all;
  }

  FakeRegistry tokens;
  test::TemporaryDirectory directory;
};

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
  EXPECT_EQ(fake.count("GET", "/v2/"), 2U) << "once by each client";
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

TEST_F(LoginTest, A7SaysNoSecretThatItsServerSaysAgain) {  // AUTH-18
  require("Bearer T", bearer());
  serve_token({.status = 401,
               .body = R"({"errors":[{"code":"UNAUTHORIZED","message":"secret is wrong"}]})"});
  std::string said = refusal(client_of("me:secret")).what();
  EXPECT_EQ(said.find("secret"), std::string::npos) << said;
  EXPECT_NE(said.find("is wrong"), std::string::npos) << said;
  fake.clear_handlers();
  fake.on([](const Request& request) -> std::optional<Response> {
    return Response{.status = 401,
                    .fields = {{"WWW-Authenticate", "Basic realm=\"x\""}},
                    .body = str_cat(R"({"errors":[{"code":"X","message":"not by )",
                                    request.field("Authorization"), R"("}]})")};
  });
  const auto blob = fake.add_blob("hello");
  auto reader = client_of("me:secret");
  Collector sink;
  said = failure([&] { reader.fetch(Endpoint::blobs, blob.digest, {}, sink, kContent); }).what();
  EXPECT_EQ(said.find(encode_base64("me:secret")), std::string::npos) << said;
  EXPECT_NE(said.find("not by Basic"), std::string::npos) << said;
}

TEST_F(LoginTest, A7SaysNoPartOfALongSecretThatItsServerSaysAgain) {  // AUTH-18
  const std::string token = "head.of-the-token." + std::string(400, 'k');
  const std::string password = "head-of-the-password:" + std::string(300, 'p');
  require("nothing", bearer());
  serve_token({.body = str_cat(R"({"token":")", token, "\"}")});
  for (const std::string& said_again :
       {token, token.substr(0, 100), encode_base64("me:" + password),
        "head-of-the-password%3A" + std::string(300, 'p')}) {
    fake.clear_handlers();
    fake.on([&](const Request& request) -> std::optional<Response> {
      if (request.path() == "/v2/") {
        return Response{.status = 401, .fields = {{"WWW-Authenticate", bearer()}}};
      }
      return Response{
          .status = 403,
          .fields = {{"Warning", str_cat("299 - \"you sent ", said_again, "\"")}},
          .body = str_cat(R"({"errors":[{"code":"X","message":"bad )", said_again, R"("}]})")};
    });
    testing::internal::CaptureStderr();
    std::string said = refusal(client_of("me:" + password)).what();
    said += testing::internal::GetCapturedStderr();
    EXPECT_EQ(said.find("head.of-the-token"), std::string::npos) << said;
    EXPECT_EQ(said.find("head-of-the-password"), std::string::npos) << said;
    EXPECT_EQ(said.find("kkkk"), std::string::npos) << said;
    EXPECT_EQ(said.find("pppp"), std::string::npos) << said;
    EXPECT_EQ(said.find(encode_base64("me:" + password).substr(0, 40)), std::string::npos) << said;
    EXPECT_NE(said.find("(bad ***"), std::string::npos) << said;
    EXPECT_NE(said.find("you sent ***"), std::string::npos) << said;
  }
}

TEST_F(LoginTest, A7SaysNoIdentityTokenThatWasSentAsAPassword) {  // AUTH-9, AUTH-18
  require("Bearer T", bearer());
  tokens.on([](const Request& request) -> std::optional<Response> {
    if (request.method == "POST") return Response{.status = 404};
    return Response{.status = 401,
                    .body = str_cat(R"({"errors":[{"code":"X","message":"no )",
                                    request.field("Authorization"), R"("}]})")};
  });
  const std::string said =
      refusal(client_with_file(R"({"identitytoken":"identity-is-secret"})")).what();
  EXPECT_EQ(said.find(encode_base64("<token>:identity-is-secret")), std::string::npos) << said;
  EXPECT_NE(said.find("no Basic ***"), std::string::npos) << said;
}

TEST_F(LoginTest, A7SaysNothingOfALinkThatItsServerSaysAgain) {  // EP-8, AUTH-18
  FakeRegistry cdn;
  const auto blob = fake.add_blob("hello");
  fake.on(fake.path("/blobs/"),
          {.status = 307,
           .fields = {{"Location", str_cat("http://", cdn.address(),
                                           "/d?n=1&sig=signature%2Bis%2Bsecret&x")}}});
  for (const std::string said_again : {"signature%2Bis%2Bsecret", "signature+is+secret"}) {
    cdn.clear_handlers();
    cdn.on("/d", {.status = 403, .body = "Signature " + said_again + " is over"});
    const std::string said = failure([&] { static_cast<void>(fetch(blob.digest)); }).what();
    EXPECT_EQ(said.find("secret"), std::string::npos) << said;
    EXPECT_NE(said.find("Signature *** is over"), std::string::npos) << said;
  }
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
  EXPECT_EQ(tokens.requests().size(), 2U);
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

TEST_F(LoginTest, A3SendsNoEmptyPassword) {  // AUTH-6
  require(kBasic, "Basic realm=\"x\"");
  const auto error = refusal(
      client_with_file(str_cat(R"({"auth":")", encode_base64("me:"), R"(","identitytoken":"i"})")));
  EXPECT_EQ(error.code(), Errc::denied);
  EXPECT_NE(std::string(error.what()).find("no password"), std::string::npos) << error.what();
  EXPECT_TRUE(authorizations(fake).empty());
  EXPECT_EQ(fake.requests().size(), 2U) << "one greeting, one question";
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

TEST_F(LoginTest, A7SaysThatATokenServerDoesNotAcceptACredential) {  // AUTH-11
  require("Bearer T", bearer());
  serve_token({.status = 401});
  EXPECT_NE(std::string(refusal(client_of("me:secret")).what())
                .find("the credentials of --creds were used and are not accepted"),
            std::string::npos);
  EXPECT_EQ(std::string(refusal(client()).what()).find("not accepted"), std::string::npos);
}

TEST_F(LoginTest, A7SaysWhatATokenServerAnswersInsteadOfAToken) {  // AUTH-10
  require("Bearer T", bearer());
  const auto said_of = [&](const std::string& body) {
    tokens.clear_handlers();
    serve_token({.fields = {{"Content-Type", "text/html"}}, .body = body});
    return std::string(refusal(client_of("me:secret")).what());
  };
  EXPECT_NE(said_of("<p>hello").find("(text/html, 8 bytes)"), std::string::npos);
  EXPECT_NE(said_of("{}").find("(text/html, 2 bytes)"), std::string::npos);
  const std::string many = said_of(std::string(std::size_t{5} << 20U, ' '));
  EXPECT_NE(many.find("(text/html, at least 1048576 bytes)"), std::string::npos) << many;
  EXPECT_EQ(said_of("hush-hush").find("hush"), std::string::npos) << "it may be a token";
}

TEST_F(LoginTest, A1SaysWhyACredentialWasOfNoUse) {  // AUTH-5
  const auto said = [&](int status, decltype(Response::fields) fields) {
    fake.clear_handlers();
    fake.on(fake.path("/"), {.status = status, .fields = std::move(fields)});
    const Error error = refusal(client_of("me:secret"));
    EXPECT_EQ(error.code(), Errc::denied);
    EXPECT_TRUE(authorizations(fake).empty());
    return std::string(error.what());
  };
  const std::string many =
      said(401, {{"WWW-Authenticate", "Negotiate"}, {"WWW-Authenticate", "Digest realm=\"x\""}});
  EXPECT_NE(many.find("it wants a login by negotiate or digest, which is not supported"),
            std::string::npos)
      << many;
  const std::string none = said(401, {});
  EXPECT_NE(none.find("it does not say how to log in"), std::string::npos) << none;
  const std::string open = said(403, {});
  EXPECT_NE(open.find("it did not ask who we are"), std::string::npos) << open;
}

TEST_F(LoginTest, A1SaysWhereARegistryRefusesToGreet) {  // AUTH-18
  fake.on("/v2/", {.status = 403, .body = R"({"errors":[{"code":"DENIED"}]})"});
  const std::string said = refusal(client()).what();
  EXPECT_NE(said.find(str_cat("http://", fake.address(), "/v2/: the registry answered 403 DENIED")),
            std::string::npos)
      << said;
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

TEST_F(LoginTest, A11TriesBasicWhereABearerHostInsistsOnIt) {  // AUTH-7
  serve_token({.body = R"({"token":"T"})"});
  fake.on([&](const Request& request) -> std::optional<Response> {
    if (request.path() == "/v2/") {
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

TEST_F(LoginTest, A13PostsAnIdentityToken) {  // AUTH-9
  require("Bearer T", bearer());
  serve_token({.body = R"({"access_token":"T","refresh_token":"next"})"});
  auto reader = client_with_file(R"({"identitytoken":"i d"})");
  EXPECT_TRUE(reader.resolve("t", {}));
  ASSERT_EQ(tokens.requests().size(), 1U);
  const Request post = tokens.requests()[0];
  EXPECT_EQ(post.method, "POST");
  EXPECT_EQ(post.field("Content-Type"), "application/x-www-form-urlencoded");
  EXPECT_EQ(post.field("Authorization"), "");
  EXPECT_EQ(post.target, "/token");
  EXPECT_EQ(post.body,
            "grant_type=refresh_token&refresh_token=i%20d&service=s"
            "&scope=repository%3Atest%2Frepo%3Apull&client_id=digestfs");
}

/// A registry that refuses each token once it was used, so that each request needs another.
class RefreshTest : public LoginTest {
 protected:
  RefreshTest() {
    fake.on([this](const Request& request) -> std::optional<Response> {
      const std::string right = "Bearer T" + std::to_string(posts.load());
      if (posts > 0 && request.field("Authorization") == right && fresh.exchange(false)) {
        return std::nullopt;
      }
      return Response{.status = 401, .fields = {{"WWW-Authenticate", bearer()}}};
    });
  }

  /// What each POST has shown, in order. Those that `refused` names get `status`.
  void serve(const std::string& refused = "", int status = 0) {
    tokens.on([=, this](const Request& request) -> std::optional<Response> {
      if (request.method != "POST") return Response{.status = 500};
      constexpr std::string_view kField = "&refresh_token=";
      const auto start = request.body.find(kField) + kField.size();
      const std::string token = request.body.substr(start, request.body.find('&', start) - start);
      shown.lock()->push_back(token);
      if (token == refused) return Response{.status = status};
      const int n = ++posts;
      fresh = true;
      return Response{
          .body = str_cat(R"({"access_token":"T)", n, R"(","refresh_token":"next)", n, R"("})")};
    });
  }

  std::atomic<int> posts = 0;
  std::atomic<bool> fresh = false;
  Guarded<std::vector<std::string>> shown;
};

TEST_F(RefreshTest, A13AsksWithWhatTheServerGaveTheLastTime) {  // AUTH-10
  serve();
  auto reader = client_with_file(R"({"identitytoken":"id"})");
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(reader.resolve("t", {}));
  EXPECT_EQ(*shown.lock(), (std::vector<std::string>{"id", "next1", "next2"}));
}

TEST_F(RefreshTest, A13AsksWithTheIdentityTokenAgainWhereTheLastOneHasExpired) {
  for (const int status : {400, 401, 403}) {  // RFC 6749 says 400, some servers the others
    posts = 0;
    shown.lock()->clear();
    tokens.clear_handlers();
    serve("next1", status);
    auto reader = client_with_file(R"({"identitytoken":"id"})");
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(reader.resolve("t", {}));
    EXPECT_EQ(*shown.lock(), (std::vector<std::string>{"id", "next1", "id"})) << status;
  }
}

TEST_F(RefreshTest, A14ShowsNobodysTokenForSomebodyElse) {  // AUTH-12, CRED-8
  serve();
  auto reader = client_with_file(R"({"identitytoken":"id"})");
  EXPECT_TRUE(reader.resolve("t", {}));
  static_cast<void>(client_with_file(R"({"identitytoken":"of another"})"));
  EXPECT_TRUE(reader.resolve("t", {}));
  EXPECT_EQ(*shown.lock(), (std::vector<std::string>{"id", "of%20another"}));
}

TEST_F(LoginTest, A13GetsWhereATokenServerKnowsNoPost) {
  require("Bearer T", bearer());
  for (const int status : {400, 404, 405}) {  // ACR says 400 of what it does not know
    tokens.clear_handlers();
    tokens.forget_requests();
    tokens.on([status](const Request& request) -> std::optional<Response> {
      if (request.method == "POST") return Response{.status = status};
      return Response{.body = R"({"token":"T"})"};
    });
    EXPECT_TRUE(client_with_file(R"({"identitytoken":"id"})").resolve("t", {})) << status;
    EXPECT_EQ(authorizations(tokens),
              std::vector<std::string>{"Basic " + encode_base64("<token>:id")});
  }
}

TEST_F(LoginTest, PostsAnIdentityTokenToNobodyElse) {  // EP-8
  require("Bearer T", bearer());
  FakeRegistry other;
  serve_token({.status = 307, .fields = {{"Location", "http://" + other.address() + "/token"}}});
  EXPECT_EQ(refusal(client_with_file(R"({"identitytoken":"id"})")).code(), Errc::corrupt);
  EXPECT_TRUE(other.requests().empty());
}

TEST_F(LoginTest, SendsARegistryTokenAsItIs) {  // AUTH-15
  require("Bearer R", bearer());
  EXPECT_TRUE(client_with_file(R"({"registrytoken":"R"})").resolve("t", {}));
  EXPECT_TRUE(tokens.requests().empty());
}

TEST_F(LoginTest, R1SendsNoPasswordToWhereARedirectLeads) {
  FakeRegistry cdn;
  const auto blob = fake.add_blob("hello");
  require(kBasic, "Basic realm=\"x\"");
  cdn.on("/signed", {.fields = {}, .body = "hello"});
  fake.on([&](const Request& request) -> std::optional<Response> {
    if (request.field("Authorization") != kBasic ||
        !request.path().starts_with(fake.path("/blobs/"))) {
      return std::nullopt;
    }
    return Response{.status = 307,
                    .fields = {{"Location", "http://" + cdn.address() + "/signed?key=1"},
                               {"Set-Cookie", "sid=1"}}};
  });
  auto reader = client_of("me:secret");
  for (int i = 0; i < 2; ++i) {
    Collector sink;
    reader.fetch(Endpoint::blobs, blob.digest, {}, sink, kContent);
    EXPECT_EQ(sink.bytes, "hello");
  }
  EXPECT_EQ(cdn.requests().size(), 2U);
  EXPECT_TRUE(authorizations(cdn).empty());
  for (const auto* of : {&fake, &cdn}) {
    for (const Request& request : of->requests()) EXPECT_EQ(request.field("Cookie"), "");
  }
}

TEST_F(LoginTest, R8GivesAnotherRegistryNothingOfThisOnes) {
  FakeRegistry other;
  other.on("/", {.status = 401, .fields = {{"WWW-Authenticate", "Basic realm=\"mine\""}}});
  require(kBasic, "Basic realm=\"x\"");
  fake.on([&](const Request& request) -> std::optional<Response> {
    if (request.field("Authorization") != kBasic || request.path() == "/v2/") return std::nullopt;
    return Response{.status = 307,
                    .fields = {{"Location", "http://" + other.address() + request.target}}};
  });
  EXPECT_EQ(refusal(client_of("me:secret")).code(), Errc::denied);
  EXPECT_TRUE(authorizations(other).empty());
  EXPECT_GT(other.requests().size(), 0U);
}

TEST_F(LoginTest, R8IsSomebodyOfItsOwnToAnotherRegistry) {  // EP-8
  FakeRegistry other;
  const auto blob = other.add_blob("hello");
  other.on([&](const Request& request) -> std::optional<Response> {
    if (request.field("Authorization") == "Bearer T") return std::nullopt;
    return Response{.status = 401, .fields = {{"WWW-Authenticate", bearer()}}};
  });
  serve_token({.body = R"({"token":"T"})"});
  require(kBasic, "Basic realm=\"x\"");
  fake.on([&](const Request& request) -> std::optional<Response> {
    if (request.field("Authorization") != kBasic || request.path() == "/v2/") return std::nullopt;
    return Response{.status = 307,
                    .fields = {{"Location", "http://" + other.address() + request.target}}};
  });
  const auto read = [&](Client reader) {
    Collector sink;
    reader.fetch(Endpoint::blobs, blob.digest, {.offset = 1}, sink, kContent);
    return sink.bytes;
  };
  EXPECT_EQ(read(client_of("me:secret")), "ello");
  EXPECT_EQ(authorizations(tokens), std::vector<std::string>{});  // nobody in particular
  for (const std::string& field : authorizations(other)) EXPECT_EQ(field, "Bearer T");

  // It has credentials of its own, beside those of the one that leads there.
  const auto path = directory.path() / "auth.json";
  std::ofstream(path) << str_cat(R"({"auths":{")", fake.address(), R"(":{"auth":")",
                                 encode_base64("me:secret"), R"("},")", other.address(),
                                 R"(":{"auth":")", encode_base64("other:one"), R"("}}})");
  ClientOptions given = options();
  given.credentials.file = path;
  EXPECT_EQ(read({Reference::parse(fake.source()), given}), "ello");
  EXPECT_EQ(authorizations(tokens),
            std::vector<std::string>{"Basic " + encode_base64("other:one")});
}

TEST_F(LoginTest, R8IsNotLedOnAndOn) {
  FakeRegistry other;
  for (FakeRegistry* from : {&fake, &other}) {
    const std::string to = (from == &fake ? other : fake).address();
    from->on([=](const Request& request) -> std::optional<Response> {
      if (request.path() == "/v2/") return std::nullopt;
      if (request.field("Authorization").empty()) {
        return Response{.status = 401, .fields = {{"WWW-Authenticate", "Basic realm=\"x\""}}};
      }
      return Response{.status = 307, .fields = {{"Location", "http://" + to + request.target}}};
    });
  }
  const auto path = directory.path() / "auth.json";
  std::ofstream(path) << str_cat(R"({"auths":{")", fake.address(), R"(":{"auth":"bTpz"},")",
                                 other.address(), R"(":{"auth":"bTpz"}}})");
  ClientOptions given = options();
  given.credentials.file = path;
  EXPECT_EQ(refusal({Reference::parse(fake.source()), given}).code(), Errc::denied);
  EXPECT_LT(fake.requests().size() + other.requests().size(), 20U);
}

}  // namespace
}  // namespace digestfs::registry
