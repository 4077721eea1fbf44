// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/text.h"
#include "registry/host/host.h"
#include "tests/registry/host/client_fixture.h"
#include "tests/registry/host/login_fixture.h"

namespace digestfs::registry {
namespace {

/// How often the host was asked for `/v2/` itself.
std::size_t greetings(const FakeRegistry& fake) {
  const auto requests = fake.requests();
  return static_cast<std::size_t>(std::ranges::count_if(
      requests, [](const Request& request) { return request.path() == "/v2/"; }));
}

TEST_F(ClientTest, ConnectsToNothingBeforeItIsAsked) {
  const auto reader = client();
  EXPECT_EQ(reader.name(), "docker://" + fake.source());
  EXPECT_TRUE(fake.requests().empty());
}

TEST_F(ClientTest, AsksAtOnceAndSaysWhoItIs) {  // AUTH-1, EP-0
  auto reader = client();
  for (int i = 0; i < 3; ++i) static_cast<void>(reader.list_tags(std::nullopt, {}));
  EXPECT_EQ(fake.count("GET", "/v2/"), 3U);
  EXPECT_EQ(greetings(fake), 0U);
  for (const Request& request : fake.requests()) {
    EXPECT_EQ(request.field("User-Agent"), "digestfs/test");
    EXPECT_EQ(request.field("Accept-Encoding"), "identity");
    EXPECT_EQ(request.field("Authorization"), "");
    EXPECT_EQ(request.field("Cookie"), "");
  }
}

TEST_F(BearerTest, A1FetchesOneTokenForPullingAnonymously) {  // AUTH-8
  require_token("T");
  serve_token(R"({"token":"T","expires_in":300})");
  const auto blob = fake.add_blob("hello");
  auto reader = client();
  for (int i = 0; i < 5; ++i) {
    Collector sink;
    reader.fetch(Endpoint::blobs, blob.digest, {}, sink, kContent);
    EXPECT_EQ(sink.bytes, "hello");
  }
  EXPECT_EQ(fake.count("GET", "/token"), 1U);
  EXPECT_EQ(fake.count("GET", fake.path("/blobs/")), 6U);  // the first of them asks for a token
  EXPECT_EQ(greetings(fake), 0U);
  for (const Request& request : fake.requests()) {
    if (request.path() == "/token") {
      EXPECT_EQ(request.target,
                "/token?service=s&scope=repository%3Atest%2Frepo%3Apull&client_id=digestfs");
      EXPECT_EQ(request.field("Authorization"), "");
    }
  }
  EXPECT_EQ(fake.requests().front().field("Authorization"), "");  // AUTH-3
}

TEST_F(BearerTest, A3UsesForAllRepositoriesWhatTheHostDemandsForOne) {  // AUTH-1
  require_token("T", ",scope=\"repository:test/repo:pull,push\"");
  serve_token(R"({"token":"T"})");
  const auto host = std::make_shared<Host>(Reference::parse(fake.source()), options());
  const auto blob = fake.add_blob("hello");
  Collector sink;
  Client(host, Reference::parse(fake.source())).fetch(Endpoint::blobs, blob.digest, {}, sink, {});
  fake.forget_requests();
  static_cast<void>(failure([&] {
    static_cast<void>(
        Client(host, Reference::parse(fake.address() + "/other/one")).list_tags(std::nullopt, {}));
  }));
  EXPECT_NE(fake.requests().front().target.find("&scope=repository%3Aother%2Fone%3Apull&"),
            std::string::npos);
  EXPECT_EQ(fake.count("GET", "/v2/other/one/tags/list"), 1U) << "with a token at once";
}

TEST_F(LoginTest, A2AsksAgainAfterALoginForWhatMayBeHiddenFromStrangers) {  // AUTH-1
  for (const int status : {401, 403, 404, 429}) {
    fake.clear_handlers();
    fake.forget_requests();
    fake.on([status](const Request& request) -> std::optional<Response> {
      if (request.field("Authorization") == kBasic) return std::nullopt;
      if (request.path() != "/v2/") return Response{.status = status};
      return Response{.status = 401, .fields = {{"WWW-Authenticate", "Basic realm=\"x\""}}};
    });
    EXPECT_TRUE(client_of("me:secret").resolve("t", {})) << status;
    EXPECT_EQ(greetings(fake), 1U) << status;
    EXPECT_EQ(authorizations(fake), std::vector<std::string>{kBasic}) << status;
    if (status == 429) continue;
    fake.forget_requests();
    try {
      EXPECT_FALSE(client().resolve("t", {})) << status;
    } catch (const Error&) {
      EXPECT_NE(status, 404);
    }
    EXPECT_EQ(fake.count("HEAD", fake.path("/manifests/t")), 1U) << "nobody is there to log in as";
  }
}

// What a stranger is told is not what a user is told who is logged in.
TEST_F(LoginTest, BelievesNoAbsenceThatStrangersAreTold) {  // AUTH-1, DEC-6
  fake.tag("private", fake.add_manifest(kManifest, kOci).digest);
  fake.on([this](const Request& request) -> std::optional<Response> {
    if (request.field("Authorization") == kBasic) return std::nullopt;
    if (request.path() == "/v2/") {
      return Response{.status = 401, .fields = {{"WWW-Authenticate", "Basic realm=\"x\""}}};
    }
    if (request.path() == fake.path("/manifests/t")) return std::nullopt;
    return Response{.status = 404};
  });
  auto reader = client_of("me:secret");
  EXPECT_TRUE(reader.resolve("t", {}));
  EXPECT_TRUE(reader.resolve("private", {}));
  EXPECT_FALSE(client().resolve("private", {}));
}

// A server that was too slow to speak TLS once is spoken to by http, and says that it wants TLS.
TEST_F(ClientTest, DoesNotKeepToHttpWhereThatIsRefused) {  // TLS-3, TLS-5
  fake.tag("t", fake.add_manifest(kManifest, kOci).digest);
  fake.on("/", {.status = 400});
  auto reader = client();
  EXPECT_THROW(static_cast<void>(reader.resolve("t", {})), Error);
  fake.clear_handlers();
  fake.speak(FakeRegistry::Transport::tls);
  EXPECT_TRUE(reader.resolve("t", {}));
}

TEST_F(ClientTest, DoesNotGreetWhereStrangersSeeWhatIsThere) {  // AUTH-1
  fake.tag("t", fake.add_manifest(kManifest, kOci).digest);
  auto reader = client();
  EXPECT_TRUE(reader.resolve("t", {}));
  EXPECT_FALSE(reader.resolve("no-such", {}));
  EXPECT_EQ(greetings(fake), 0U);
}

TEST_F(ClientTest, GreetsOnceToFindOutThatThereIsNoSuchTag) {  // AUTH-1
  auto reader = client();
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(reader.resolve("no-such", {}));
  EXPECT_EQ(greetings(fake), 1U);
  EXPECT_EQ(fake.count("HEAD", fake.path("/manifests/no-such")), 3U);
}

TEST_F(BearerTest, A3FetchesATokenWhenOnlyTheRepositoryAsksForOne) {
  fake.tag("t", fake.add_manifest(kManifest, kOci).digest);
  require_token("T");
  serve_token(R"({"access_token":"T"})");
  fake.on([](const Request& request) -> std::optional<Response> {
    return request.path() == "/v2/" ? std::optional(Response{.body = "{}"}) : std::nullopt;
  });
  auto reader = client();
  EXPECT_TRUE(reader.resolve("t", {}));
  EXPECT_EQ(fake.count("HEAD", fake.path("/manifests/t")), 2U);
}

TEST_F(BearerTest, A17SharesOneTokenAmongAll) {  // AUTH-12
  require_token("T");
  // It is not given before all could have asked for one of their own.
  std::atomic<int> wanting = 0;
  fake.on([&wanting](const Request& request) -> std::optional<Response> {
    if (request.path() != "/token") return std::nullopt;
    const auto limit = std::chrono::steady_clock::now() + 2s;
    while (wanting < 8 && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
    std::this_thread::sleep_for(50ms);
    return Response{.body = R"({"token":"T"})"};
  });
  const auto blob = fake.add_blob("hello");
  auto reader = client();
  std::atomic<int> right = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        Collector sink;
        ++wanting;
        reader.fetch(Endpoint::blobs, blob.digest, {}, sink, kContent);
        if (sink.bytes == "hello") ++right;
      });
    }
  }
  EXPECT_EQ(right, 8);
  EXPECT_EQ(fake.count("GET", "/token"), 1U);
}

TEST_F(BearerTest, A4RenewsARefusedTokenOnceAndGivesUpThen) {  // A11, AUTH-13
  serve_token(R"({"token":"old"})");
  require_token("good");
  EXPECT_EQ(resolve_failure(), Errc::denied);
  EXPECT_EQ(fake.count("GET", "/token"), 2U);
  EXPECT_LE(
      fake.count("HEAD", fake.path("/manifests/t")) + fake.count("GET", fake.path("/manifests/t")),
      4U);  // the first of them without a token
}

TEST_F(BearerTest, A4GivesUpWhereARefusalSaysNothing) {  // GCR
  serve_token(R"({"token":"old"})");
  fake.on([this](const Request& request) -> std::optional<Response> {
    if (request.path() == "/token") return std::nullopt;
    if (request.path() != "/v2/") return Response{.status = 401};
    return Response{.status = 401, .fields = {{"WWW-Authenticate", challenge()}}};
  });
  const auto blob = fake.add_blob("hello");
  EXPECT_EQ(failure([&] { static_cast<void>(fetch(blob.digest)); }).code(), Errc::denied);
  EXPECT_EQ(fake.count("GET", "/token"), 2U);
  EXPECT_EQ(fake.count("GET", fake.path("/blobs/")), 3U) << "the first of them without a token";
}

TEST_F(BearerTest, A3RenewsATokenAlsoWhereOnlyTheRepositoryAskedForOne) {  // AUTH-13
  std::atomic<int> tokens = 0;
  fake.on([&](const Request& request) -> std::optional<Response> {
    if (request.path() == "/v2/") return Response{.body = "{}"};
    if (request.path() == "/token")
      return Response{.body = str_cat(R"({"token":"T)", ++tokens, "\"}")};
    if (request.field("Authorization") == "Bearer T2") return std::nullopt;
    return Response{.status = 401, .fields = {{"WWW-Authenticate", challenge()}}};
  });
  EXPECT_EQ(fetch(fake.add_blob("hello").digest), "hello");
  EXPECT_EQ(tokens, 2);
}

TEST_F(BearerTest, RenewsATokenThatWasRefusedWithoutAChallenge) {  // GCR
  fake.tag("t", fake.add_manifest(kManifest, kOci).digest);
  std::atomic<int> tokens = 0;
  require_token("T2");
  fake.on([&](const Request& request) -> std::optional<Response> {
    if (request.path() == "/token")
      return Response{.body = str_cat(R"({"token":"T)", ++tokens, "\"}")};
    if (request.path() == "/v2/") return std::nullopt;
    if (request.field("Authorization") != "Bearer T2") return Response{.status = 401};
    return std::nullopt;
  });
  auto reader = client();
  EXPECT_TRUE(reader.resolve("t", {}));
  EXPECT_EQ(tokens, 2);
}

TEST_F(BearerTest, A7SaysWhatIsWrongWithTheTokenServer) {
  const std::pair<Response, Errc> answers[] = {
      {{.body = "<html>sign in</html>"}, Errc::corrupt},
      {{.body = "{}"}, Errc::corrupt},
      {{.body = R"({"token":"T")" + std::string(5U << 20U, ' ') + "}"}, Errc::corrupt},
      {{.status = 401}, Errc::denied},
      {{.status = 403}, Errc::denied},
      {{.status = 429}, Errc::rate_limited},
      {{.status = 503}, Errc::unavailable},
  };
  for (const auto& [answer, code] : answers) {
    fake.clear_handlers();
    require_token("T");
    fake.on("/token", answer);
    EXPECT_EQ(resolve_failure(), code) << answer.status << " " << answer.body.substr(0, 20);
  }
}

TEST_F(BearerTest, A8DoesNotConnectToARealmThatIsATrap) {
  for (const char* realm : {"http://169.254.169.254/t", "file:///etc/passwd", ""}) {
    fake.clear_handlers();
    fake.on("/v2/", {.status = 401,
                     .fields = {{"WWW-Authenticate", str_cat("Bearer realm=\"", realm, "\"")}}});
    EXPECT_EQ(resolve_failure(), Errc::denied) << realm;
  }
}

TEST_F(ClientTest, A12HasNothingToAnswerABasicChallengeWith) {
  fake.on("/v2/", {.status = 401, .fields = {{"WWW-Authenticate", "Basic realm=\"x\""}}});
  EXPECT_EQ(resolve_failure(), Errc::denied);
  EXPECT_EQ(fake.count("HEAD", fake.path("/manifests/t")), 1U);
  for (const Request& request : fake.requests()) EXPECT_EQ(request.field("Authorization"), "");
}

TEST_F(ClientTest, PassesAWarningOnOnce) {  // EP-0
  fake.tag("t", fake.add_manifest(kManifest, kOci).digest);
  fake.on([&](const Request& request) -> std::optional<Response> {
    if (request.path() != fake.path("/manifests/t")) return std::nullopt;
    return Response{.fields = {{"Warning", "299 - \"it moves\x1b[1m soon\""},
                               {"Warning", "110 - \"stale\""},
                               {"Content-Type", kOci},
                               {"Docker-Content-Digest", digest_of(kManifest).str()}},
                    .body = kManifest};
  });
  testing::internal::CaptureStderr();
  auto reader = client();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(reader.resolve("t", {}));
  const std::string log = testing::internal::GetCapturedStderr();
  const auto at = log.find("it moves\\x1b[1m soon");
  ASSERT_NE(at, std::string::npos) << log;
  EXPECT_EQ(log.find("it moves", at + 1), std::string::npos) << log;
  EXPECT_EQ(log.find("stale"), std::string::npos) << log;
}

TEST_F(ClientTest, AsksARegistryThatGreetsByLeadingElsewhere) {  // AUTH-2
  FakeRegistry other;
  fake.on([&](const Request& request) -> std::optional<Response> {
    if (request.path() != "/v2/") return std::nullopt;
    return Response{.status = 302,
                    .fields = {{"Location", "http://" + other.address() + "/login"}}};
  });
  EXPECT_EQ(fetch(fake.add_blob("hello").digest), "hello");
  EXPECT_TRUE(other.requests().empty());
}

TEST_F(ClientTest, SaysThatAHostIsNoRegistry) {
  fake.on([](const Request&) { return Response{.status = 404, .body = "<html>"}; });
  auto reader = client();
  const Error error = failure([&] { static_cast<void>(reader.list_tags(std::nullopt, {})); });
  EXPECT_EQ(error.code(), Errc::unavailable);  // of the tags that says nothing (DEC-6)
  EXPECT_NE(std::string(error.what()).find("is no registry"), std::string::npos) << error.what();
}

}  // namespace
}  // namespace digestfs::registry
