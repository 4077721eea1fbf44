// SPDX-License-Identifier: Apache-2.0
#include "registry/host/client.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <thread>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "registry/image/manifest.h"
#include "registry/image/media_type.h"
#include "tests/registry/host/client_fixture.h"
#include "tests/support/image_builder.h"

namespace digestfs::registry {
namespace {

// --- greeting, tokens
// -----------------------------------------------------------------------------

TEST_F(ClientTest, ConnectsToNothingBeforeItIsAsked) {
  const auto reader = client();
  EXPECT_EQ(reader.name(), "docker://" + fake.source());
  EXPECT_TRUE(fake.requests().empty());
}

TEST_F(ClientTest, GreetsOnceAndSaysWhoItIs) {  // AUTH-1, EP-0
  auto reader = client();
  for (int i = 0; i < 3; ++i) static_cast<void>(reader.list_tags(std::nullopt, {}));
  EXPECT_EQ(fake.count("GET", "/v2/"), 4U);
  for (const Request& request : fake.requests()) {
    EXPECT_EQ(request.field("User-Agent"), "digestfs/test");
    EXPECT_EQ(request.field("Accept-Encoding"), "identity");
    EXPECT_EQ(request.field("Authorization"), "");
    EXPECT_EQ(request.field("Cookie"), "");
  }
}

/// A registry that wants a token of its own token server.
class BearerTest : public ClientTest {
 protected:
  void require_token(const std::string& valid, const std::string& challenge_more = "") {
    fake.on([this, valid, challenge_more](const Request& request) -> std::optional<Response> {
      if (request.path() == "/token") return std::nullopt;
      if (request.field("Authorization") == "Bearer " + valid) return std::nullopt;
      return Response{.status = 401, .fields = {{"WWW-Authenticate", challenge(challenge_more)}}};
    });
  }

  [[nodiscard]] std::string challenge(const std::string& more = "") const {
    return str_cat("Bearer realm=\"http://", fake.address(), "/token\",service=\"s\"", more);
  }

  void serve_token(const std::string& body) {
    fake.on([body](const Request& request) -> std::optional<Response> {
      if (request.path() != "/token") return std::nullopt;
      return Response{.body = body};
    });
  }
};

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
  EXPECT_EQ(fake.count("GET", fake.path("/blobs/")), 5U);  // the token was there before the first
  for (const Request& request : fake.requests()) {
    if (request.path() == "/token") {
      EXPECT_EQ(request.target,
                "/token?service=s&scope=repository%3Atest%2Frepo%3Apull&client_id=digestfs");
      EXPECT_EQ(request.field("Authorization"), "");
    }
    if (request.path() == "/v2/") {
      EXPECT_EQ(request.field("Authorization"), "");
    }  // AUTH-3
  }
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
      3U);
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
  EXPECT_EQ(fake.count("GET", fake.path("/blobs/")), 2U);
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
  fake.on("/v2/", {.status = 404, .body = "<html>"});
  auto reader = client();
  const Error error = failure([&] { static_cast<void>(reader.list_tags(std::nullopt, {})); });
  EXPECT_EQ(error.code(), Errc::unavailable);  // of the tags that says nothing (DEC-6)
  EXPECT_NE(std::string(error.what()).find("is no registry"), std::string::npos) << error.what();
}

// --- tags
// -----------------------------------------------------------------------------------------

/// All tags, page by page.
std::vector<std::string> all_tags(Client& reader) {
  std::vector<std::string> tags;
  std::optional<std::string> next;
  do {
    const TagPage page = reader.list_tags(next, {});
    tags.insert(tags.end(), page.tags.begin(), page.tags.end());
    next = page.next;
  } while (next);
  return tags;
}

TEST_F(ClientTest, FollowsTheLinksOfPages) {
  const auto manifest = fake.add_manifest(kManifest, kOci);
  for (const char* tag : {"a", "b", "c", "d", "e"}) fake.tag(tag, manifest.digest);
  fake.set_page_size(2);
  auto reader = client();
  EXPECT_EQ(all_tags(reader), (std::vector<std::string>{"a", "b", "c", "d", "e"}));
  EXPECT_EQ(fake.count("GET", fake.path("/tags/list")), 3U);
  EXPECT_EQ(fake.requests()[1].target, fake.path("/tags/list"));  // no n of ours (L4)
}

TEST_F(ClientTest, L1SendsACursorBackByteForByteAndStaysWhereItIs) {  // EP-10
  const std::string cursor = "/v2/test/repo/tags/list?last=a%2Cb;c,d%2f&n=1";
  for (const std::string& link :
       {cursor, "http://elsewhere.example" + cursor, "https://169.254.169.254" + cursor}) {
    fake.clear_handlers();
    fake.forget_requests();
    fake.on([&](const Request& request) -> std::optional<Response> {
      if (request.target == fake.path("/tags/list")) {
        return Response{
            .fields = {{"Link", str_cat("</x>; rel=\"prev\", <", link, ">; rel=\"next\"")}},
            .body = R"({"tags":["a"]})"};
      }
      if (request.target == cursor) return Response{.body = R"({"tags":["b"]})"};
      return std::nullopt;
    });
    auto reader = client();
    EXPECT_EQ(all_tags(reader), (std::vector<std::string>{"a", "b"})) << link;
  }
}

TEST_F(ClientTest, L1GoesOnByItsOwnPathWhereAnotherRegistryHasTheList) {  // EP-8, EP-10
  FakeRegistry other;
  std::string link;
  other.on([&](const Request& request) -> std::optional<Response> {
    if (request.path() != "/v2/theirs/repo/tags/list") return std::nullopt;
    if (request.target != request.path()) return Response{.body = R"({"tags":["b"]})"};
    return Response{.fields = {{"Link", str_cat("<", link, "?last=a>; rel=\"next\"")}},
                    .body = R"({"tags":["a"]})"};
  });
  fake.on([&](const Request& request) -> std::optional<Response> {
    const std::string own = fake.path("/tags/list");
    if (request.path() != own) return std::nullopt;
    const std::string query = request.target.substr(own.size());
    return Response{.status = 307,
                    .fields = {{"Location", str_cat("http://", other.address(),
                                                    "/v2/theirs/repo/tags/list", query)}}};
  });
  // One that is behind another may name either.
  for (const std::string& path :
       {std::string("/v2/theirs/repo/tags/list"), fake.path("/tags/list")}) {
    link = path;
    auto reader = client();
    const TagPage first = reader.list_tags(std::nullopt, {});
    EXPECT_EQ(first.tags, std::vector<std::string>{"a"});
    ASSERT_EQ(first.next, fake.path("/tags/list?last=a")) << first.cut;
    EXPECT_EQ(reader.list_tags(first.next, {}).tags, std::vector<std::string>{"b"});
  }
}

TEST_F(ClientTest, L1FollowsNoLinkThatIsNoUseAndSaysSo) {  // EP-10
  for (const std::string link : {"/admin", "http://h h/", "http://[/"}) {
    fake.clear_handlers();
    fake.on(fake.path("/tags/list"), {.fields = {{"Link", str_cat("<", link, ">; rel=\"next\"")}},
                                      .body = R"({"tags":["a"]})"});
    auto reader = client();
    const TagPage page = reader.list_tags(std::nullopt, {});
    EXPECT_EQ(page.tags, std::vector<std::string>{"a"}) << link;
    EXPECT_EQ(page.next, std::nullopt) << link;
    EXPECT_NE(page.cut, "") << link;
  }
}

TEST_F(ClientTest, L4AsksForASmallPageWhereARegistryInsistsOnOne) {
  fake.tag("a", fake.add_manifest(kManifest, kOci).digest);
  const std::string too_many = R"({"errors":[{"code":"TOO_MANY_TAGS_REQUESTED"}]})";
  const std::string endless = R"({"tags":[)" + std::string(65U << 20U, ' ') + "]}";
  for (const Response& refusal :
       {Response{.status = 400, .body = too_many}, Response{.status = 405, .body = too_many},
        Response{.status = 413, .body = too_many}, Response{.body = endless}}) {
    fake.clear_handlers();
    fake.forget_requests();
    fake.on([&](const Request& request) -> std::optional<Response> {
      return request.target == fake.path("/tags/list") ? std::optional(refusal) : std::nullopt;
    });
    auto reader = client();
    EXPECT_EQ(all_tags(reader), std::vector<std::string>{"a"}) << refusal.status;
    ASSERT_EQ(fake.requests().size(), 3U);  // the first of them greets
    EXPECT_EQ(fake.requests()[2].target, fake.path("/tags/list?n=100"));
  }
  fake.clear_handlers();
}

TEST_F(ClientTest, L3TellsAPageOfHtmlFromAnEmptyList) {
  fake.on(fake.path("/tags/list"), {.body = "<html>welcome</html>"});
  auto reader = client();
  EXPECT_EQ(failure([&] { static_cast<void>(reader.list_tags(std::nullopt, {})); }).code(),
            Errc::corrupt);
}

TEST_F(ClientTest, SaysThatThereIsNoSuchRepository) {
  fake.on(fake.path("/tags/list"),
          {.status = 404,
           .body = R"({"errors":[{"code":"NAME_UNKNOWN","message":"not known\nto registry"}]})"});
  auto reader = client();
  const Error error = failure([&] { static_cast<void>(reader.list_tags(std::nullopt, {})); });
  EXPECT_EQ(error.code(), Errc::not_found);
  EXPECT_EQ(std::string(error.what()),
            str_cat("cannot list the tags of docker://", fake.source(), ": http://", fake.address(),
                    fake.path("/tags/list"),
                    ": the registry answered 404 NAME_UNKNOWN (not known to registry)"));
}

// --- manifests
// ------------------------------------------------------------------------------------

TEST_F(ClientTest, ResolvesATagByOneHead) {  // EP-3
  const auto manifest = fake.add_manifest(kManifest, kOci + "; charset=utf-8");
  fake.tag("t", manifest.digest);
  auto reader = client();
  const auto found = reader.resolve("t", {});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->digest, manifest.digest);
  EXPECT_EQ(found->media_type, kOci);
  EXPECT_EQ(found->size, kManifest.size());
  EXPECT_EQ(fake.requests().size(), 2U);  // with the greeting
  EXPECT_FALSE(reader.resolve("absent", {}));
}

TEST_F(ClientTest, M7SaysInOneLineAllThatItReads) {  // EP-1
  const auto manifest = fake.add_manifest(kManifest, kOci);
  fake.tag("t", manifest.digest);
  auto reader = client();
  static_cast<void>(reader.resolve("t", {}));
  Collector sink;
  reader.fetch(Endpoint::manifests, manifest.digest, {}, sink, kContent);
  EXPECT_EQ(sink.bytes, kManifest);
  for (const Request& request : fake.requests()) {
    if (!request.path().starts_with(fake.path("/manifests/"))) continue;
    EXPECT_EQ(std::ranges::count_if(request.fields,
                                    [](const auto& field) { return field.first == "Accept"; }),
              1);
    for (const auto type :
         {media_type::kOciIndex, media_type::kDockerList, media_type::kOciManifest,
          media_type::kDockerManifest, media_type::kDockerSchema1Signed}) {
      EXPECT_NE(request.field("Accept").find(type), std::string::npos) << type;
    }
  }
}

TEST_F(ClientTest, M1GetsWhatAHeadDoesNotTell) {  // EP-3, M3
  const auto manifest = fake.add_manifest(kManifest, kOci);
  fake.tag("t", manifest.digest);
  const Response heads[] = {
      {.status = 405},
      {.fields = {{"Content-Type", kOci}}, .body = "x"},
      {.fields = {{"Content-Type", kOci}, {"Docker-Content-Digest", "deadbeef"}}, .body = "x"},
      {.fields = {{"Docker-Content-Digest", manifest.digest.str()}}, .body = "x"},
      {.fields = {{"Content-Type", kOci}, {"Docker-Content-Digest", manifest.digest.str()}}},
      {.status = 403},
  };
  for (const Response& head : heads) {
    fake.clear_handlers();
    fake.on([&](const Request& request) -> std::optional<Response> {
      return request.method == "HEAD" ? std::optional(head) : std::nullopt;
    });
    auto reader = client();
    const auto found = reader.resolve("t", {});
    ASSERT_TRUE(found) << head.status;
    EXPECT_EQ(found->digest, manifest.digest);
  }
}

TEST_F(ClientTest, M1BelievesAWrongDigestOfNoTag) {  // EP-4: latest and 1.0, say
  const auto right = fake.add_manifest(kManifest, kOci).digest;
  const Digest wrong = digest_of("another");
  for (const char* tag : {"a", "b"}) fake.tag(tag, right);
  fake.on([&](const Request& request) -> std::optional<Response> {
    if (request.method != "HEAD" || !request.path().starts_with(fake.path("/manifests/"))) {
      return std::nullopt;
    }
    return Response{.fields = {{"Docker-Content-Digest", wrong.str()}, {"Content-Type", kOci}},
                    .body = kManifest};
  });
  auto reader = client();
  EXPECT_EQ(reader.resolve("a", {})->digest, wrong) << "nothing speaks against it yet";
  Collector sink;
  EXPECT_EQ(failure([&] { reader.fetch(Endpoint::manifests, wrong, {}, sink, kContent); }).code(),
            Errc::not_found);
  for (const char* tag : {"a", "b"}) EXPECT_EQ(reader.resolve(tag, {})->digest, right) << tag;
}

TEST_F(ClientTest, M1BelievesNoDigestThatCannotBeVerified) {
  const auto right = fake.add_manifest(kManifest, kOci).digest;
  fake.tag("t", right);
  for (const std::string& digest : {"blake3:" + std::string(64, 'a'), std::string("foo:bar")}) {
    fake.on([&, digest](const Request& request) -> std::optional<Response> {
      if (request.method != "HEAD") return std::nullopt;
      return Response{.fields = {{"Docker-Content-Digest", digest}, {"Content-Type", kOci}},
                      .body = kManifest};
    });
    auto reader = client();
    EXPECT_EQ(reader.resolve("t", {})->digest, right) << digest;
  }
}

TEST_F(BearerTest, M3SaysInTheRegistrysWordsWhyAHeadWasRefused) {  // EP-3
  for (const int status : {401, 403}) {
    fake.clear_handlers();
    fake.on([this, status](const Request& request) -> std::optional<Response> {
      if (request.path() == "/token") return Response{.body = R"({"token":"T"})"};
      const bool is_told = status == 403 || !request.field("Authorization").empty();
      if (request.path() == "/v2/" || !is_told) {
        return Response{.status = 401, .fields = {{"WWW-Authenticate", challenge()}}};
      }
      return Response{.status = status,
                      .body = R"({"errors":[{"code":"DENIED","message":"not for you"}]})"};
    });
    auto reader = client();
    const std::string tag = failure([&] { static_cast<void>(reader.resolve("t", {})); }).what();
    EXPECT_NE(tag.find("DENIED (not for you)"), std::string::npos) << tag;
    const std::string blob = failure([&] {
                               static_cast<void>(reader.find(Endpoint::blobs, digest_of("x"), {}));
                             }).what();
    EXPECT_NE(blob.find("DENIED (not for you)"), std::string::npos) << blob;
  }
}

TEST_F(ClientTest, M15TellsFailureFromAbsence) {  // DEC-6
  const std::pair<int, Errc> answers[] = {
      {400, Errc::corrupt},     {401, Errc::denied},       {403, Errc::denied},
      {408, Errc::unavailable}, {429, Errc::rate_limited}, {500, Errc::unavailable},
      {502, Errc::unavailable}, {503, Errc::unavailable},
  };
  for (const auto& [status, code] : answers) {
    fake.clear_handlers();
    fake.on(fake.path("/manifests/"), {.status = status});
    EXPECT_EQ(resolve_failure(), code) << status;
  }
}

TEST_F(ClientTest, M6StopsAtTheLimitOfAManifest) {
  const auto fits = fake.add_manifest(std::string(kMaxManifestBytes, ' '), kOci);
  const auto over = fake.add_manifest(std::string(kMaxManifestBytes + 1, ' '), kOci);
  EXPECT_EQ(fetch(fits.digest, Endpoint::manifests).size(), kMaxManifestBytes);
  EXPECT_EQ(failure([&] { static_cast<void>(fetch(over.digest, Endpoint::manifests)); }).code(),
            Errc::too_large);
  fake.on(fake.path("/manifests/"),
          {.body = std::string(kMaxManifestBytes * 2, ' '), .unframed = true});
  EXPECT_EQ(failure([&] { static_cast<void>(fetch(over.digest, Endpoint::manifests)); }).code(),
            Errc::too_large);
}

TEST_F(ClientTest, M13SendsOnOnlyThePayloadOfASignedManifest) {  // MT-6
  // The payload is the text up to the signatures and what `formatTail` says: "\n}" here.
  const std::string payload = "{\n   \"schemaVersion\": 1,\n   \"name\": \"a\"\n}";
  const std::string head = payload.substr(0, payload.size() - 2);
  // {"formatLength":39,"formatTail":"Cn0"}, base64url; the length is that of `head`.
  ASSERT_EQ(head.size(), 39U);
  const std::string protected_part = "eyJmb3JtYXRMZW5ndGgiOjM5LCJmb3JtYXRUYWlsIjoiQ24wIn0";
  const std::string signed_manifest =
      head + ",\n   \"signatures\": [{\"protected\": \"" + protected_part + "\"}]\n}";
  const Digest digest = digest_of(payload);
  const std::string type(media_type::kDockerSchema1Signed);
  fake.on(fake.path("/manifests/"),
          {.fields = {{"Content-Type", type}, {"Docker-Content-Digest", digest.str()}},
           .body = signed_manifest});
  EXPECT_EQ(fetch(digest, Endpoint::manifests), payload);
  auto reader = client();
  const auto found = reader.resolve("t", {});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->digest, digest);
  EXPECT_FALSE(found->size);  // the registry counts the signatures too
}

// --- blobs
// ----------------------------------------------------------------------------------------

TEST_F(ClientTest, FetchesABlobFromAnOffset) {  // EP-9
  const auto blob = fake.add_blob("0123456789");
  Collector sink;
  auto reader = client();
  reader.fetch(Endpoint::blobs, blob.digest, {.offset = 4}, sink, kContent);
  EXPECT_EQ(sink.bytes, "456789");
  ASSERT_EQ(sink.beginnings.size(), 1U);
  EXPECT_EQ(sink.beginnings[0].offset, 4U);
  EXPECT_EQ(sink.beginnings[0].total, 10U);
  EXPECT_EQ(fake.requests().back().field("Range"), "bytes=4-");
}

TEST_F(ClientTest, B2StartsAgainWhereTheRangeIsNotWhatWasAskedFor) {
  const auto blob = fake.add_blob("0123456789");
  const Response answers[] = {
      {.status = 206, .body = "456789"},
      {.status = 206, .fields = {{"Content-Range", "bytes 0-9/10"}}, .body = "0123456789"},
      {.status = 206, .fields = {{"Content-Range", "bytes 4-8/10"}}, .body = "45678"},
      {.status = 416, .fields = {{"Content-Range", "bytes */3"}}},
      {.status = 416},
      {.body = "0123456789"},
  };
  for (const Response& answer : answers) {
    fake.clear_handlers();
    fake.on([&](const Request& request) -> std::optional<Response> {
      return request.field("Range").empty() ? std::nullopt : std::optional(answer);
    });
    Collector sink;
    auto reader = client();
    reader.fetch(Endpoint::blobs, blob.digest, {.offset = 4}, sink, kContent);
    EXPECT_EQ(sink.bytes, "0123456789") << answer.status;
    ASSERT_EQ(sink.beginnings.size(), 1U);
    EXPECT_EQ(sink.beginnings[0].offset, 0U);
  }
}

TEST_F(ClientTest, B2TakesUnsatisfiableAsCompleteAtTheEnd) {
  const auto blob = fake.add_blob("0123456789");
  Collector sink;
  auto reader = client();
  reader.fetch(Endpoint::blobs, blob.digest, {.offset = 10}, sink, kContent);
  EXPECT_EQ(sink.bytes, "");
  ASSERT_EQ(sink.beginnings.size(), 1U);
  EXPECT_EQ(sink.beginnings[0].offset, 10U);
}

TEST_F(ClientTest, B1CallsAShortBodyAnInterruption) {  // RTY-8
  const auto blob = fake.add_blob(std::string(100'000, 'x'));
  fake.on(fake.path("/blobs/"), {.body = std::string(100'000, 'x'), .cut = 50'000});
  Collector sink;
  auto reader = client();
  const Error error =
      failure([&] { reader.fetch(Endpoint::blobs, blob.digest, {}, sink, kContent); });
  EXPECT_EQ(error.code(), Errc::unavailable);
  EXPECT_NE(std::string(error.what()).find("cut"), std::string::npos) << error.what();
  EXPECT_EQ(sink.bytes.size(), 50'000U);
}

TEST_F(ClientTest, B4TellsACodingOfTheLayerFromOneOfHttp) {  // VER-9
  const std::string layer = test::gzip("a layer");
  const auto blob = fake.add_blob(layer);
  // The registry's way to say that a layer is compressed: what came is the blob.
  fake.on(fake.path("/blobs/"), {.fields = {{"Content-Encoding", "x-gzip"}}, .body = layer});
  EXPECT_EQ(fetch(blob.digest), layer);
  EXPECT_EQ(fake.count("GET", fake.path("/blobs/")), 1U);
  // A proxy that has compressed it once more.
  fake.on(fake.path("/blobs/"),
          {.fields = {{"Content-Encoding", "gzip"}}, .body = test::gzip(layer)});
  Collector sink;
  auto reader = client();
  reader.fetch(Endpoint::blobs, blob.digest, {}, sink, kContent);
  ASSERT_EQ(sink.beginnings.size(), 2U);
  EXPECT_EQ(sink.beginnings[1].offset, 0U);
  EXPECT_TRUE(sink.bytes.ends_with(layer));
}

TEST_F(ClientTest, B3AsksPastCachesForWhatCameWrong) {  // RTY-9
  class Doubter final : public ObjectSink {
   public:
    [[nodiscard]] Copy wanted() const override { return Copy::sources; }
    void begin(const Beginning&) override {}
    void write(std::span<const std::byte>) override {}
  } doubter;
  auto reader = client();
  reader.fetch(Endpoint::blobs, fake.add_blob("hello").digest, {}, doubter, kContent);
  EXPECT_EQ(fake.requests().back().field("Cache-Control"), "no-cache");
  reader.fetch(Endpoint::manifests, fake.add_manifest(kManifest, kOci).digest, {}, doubter,
               kContent);
  EXPECT_EQ(fake.requests().back().field("Cache-Control"), "no-cache");
  static_cast<void>(fetch(fake.add_blob("hello").digest));
  EXPECT_EQ(fake.requests().back().field("Cache-Control"), "");
}

TEST_F(ClientTest, FetchesAnEmptyBlob) {
  Collector sink;
  auto reader = client();
  reader.fetch(Endpoint::blobs, fake.add_blob("").digest, {}, sink, kContent);
  ASSERT_EQ(sink.beginnings.size(), 1U);
  EXPECT_EQ(sink.beginnings[0].total, 0U);
}

TEST_F(ClientTest, LetsTheSinksFailureOut) {
  class Full final : public ObjectSink {
    void begin(const Beginning& /*beginning*/) override {}
    void write(std::span<const std::byte> /*part*/) override {
      throw Error(Errc::too_large, "the sink is full");
    }
  };
  Full sink;
  auto reader = client();
  const auto blob = fake.add_blob("hello");
  EXPECT_STREQ(
      failure([&] { reader.fetch(Endpoint::blobs, blob.digest, {}, sink, kContent); }).what(),
      "the sink is full");
}

TEST_F(ClientTest, KeepsConnections) {
  const auto blob = fake.add_blob("hello");
  auto reader = client();
  for (int i = 0; i < 10; ++i) {
    Collector sink;
    reader.fetch(Endpoint::blobs, blob.digest, {}, sink, kContent);
  }
  EXPECT_EQ(fake.connections(), 2U);  // one was the greeting in TLS
}

TEST_F(ClientTest, LooksForABlobWithoutGettingIt) {  // EP-7
  const auto blob = fake.add_blob("0123456789");
  auto reader = client();
  auto found = reader.find(Endpoint::blobs, blob.digest, {});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->size, 10U);
  EXPECT_EQ(fake.count("GET", fake.path("/blobs/")), 0U);
  EXPECT_FALSE(reader.find(Endpoint::blobs, digest_of("absent"), {}));

  // Harbor's proxy denies to HEAD what it gives to GET.
  fake.on([](const Request& request) -> std::optional<Response> {
    return request.method == "HEAD" ? std::optional(Response{.status = 404}) : std::nullopt;
  });
  found = reader.find(Endpoint::blobs, blob.digest, {});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->size, 10U);
  EXPECT_EQ(fake.requests().back().field("Range"), "bytes=0-0");
}

TEST_F(ClientTest, TakesARedirectForAYesAndDoesNotFollowIt) {
  FakeRegistry cdn;
  fake.on(fake.path("/blobs/"),
          {.status = 307, .fields = {{"Location", str_cat("http://", cdn.address(), "/x")}}});
  auto reader = client();
  EXPECT_TRUE(reader.find(Endpoint::blobs, digest_of("x"), {}));
  EXPECT_TRUE(cdn.requests().empty());
}

TEST_F(ClientTest, LooksForABlobWhereAnotherRegistryHasIt) {  // EP-8
  FakeRegistry other;
  const auto blob = other.add_blob("hello");
  fake.on([&](const Request& request) -> std::optional<Response> {
    if (request.path() == "/v2/") return std::nullopt;
    return Response{.status = 307,
                    .fields = {{"Location", str_cat("http://", other.address(), request.target)}}};
  });
  auto reader = client();
  EXPECT_TRUE(reader.find(Endpoint::blobs, blob.digest, {}));
  EXPECT_FALSE(reader.find(Endpoint::blobs, digest_of("x"), {}));
}

// --- redirects
// ------------------------------------------------------------------------------------

class RedirectTest : public BearerTest {
 protected:
  void redirect(const std::string& location, int status = 307) {
    fake.on(fake.path("/blobs/"), {.status = status, .fields = {{"Location", location}}});
  }

  FakeRegistry cdn;
};

TEST_F(RedirectTest, R1SendNoTokenToAnotherHostOrPort) {  // EP-8
  require_token("T");
  serve_token(R"({"token":"T"})");
  const auto blob = fake.add_blob("hello");
  cdn.on("/data", {.body = "hello"});
  for (const int status : {301, 302, 303, 307, 308}) {
    redirect(str_cat("http://", cdn.address(), "/data?sig=secret"), status);
    EXPECT_EQ(fetch(blob.digest), "hello") << status;
  }
  ASSERT_EQ(cdn.requests().size(), 5U);
  for (const Request& request : cdn.requests()) {
    EXPECT_EQ(request.field("Authorization"), "");
    EXPECT_EQ(request.target, "/data?sig=secret");
  }
}

TEST_F(RedirectTest, R1SendNoTokenToASubdomain) {  // EP-8: on the same port
  require_token("T");
  serve_token(R"({"token":"T"})");
  const auto blob = fake.add_blob("hello");
  fake.on("/data", {.body = "hello"});
  const std::string port = fake.address().substr(fake.address().find(':'));
  redirect(str_cat("http://cdn.localhost", port, "/data"));
  std::string source = fake.source();
  source.replace(source.find(fake.address()), fake.address().size(), "localhost" + port);
  Client reader(Reference::parse(source), options());
  Collector sink;
  reader.fetch(Endpoint::blobs, blob.digest, {}, sink, kContent);
  EXPECT_EQ(sink.bytes, "hello");
  const auto requests = fake.requests();
  EXPECT_EQ(requests.at(requests.size() - 2).field("Authorization"), "Bearer T");
  EXPECT_EQ(requests.back().path(), "/data");
  EXPECT_EQ(requests.back().field("Authorization"), "");
}

TEST_F(RedirectTest, R2SendTheTokenWithinTheSameOrigin) {  // R3
  require_token("T");
  serve_token(R"({"token":"T"})");
  const auto blob = fake.add_blob("hello");
  for (const std::string& location :
       {std::string("/other#part"), str_cat("http://", fake.address(), "/other")}) {
    fake.on("/other", {.body = "hello"});
    redirect(location);
    fake.forget_requests();
    EXPECT_EQ(fetch(blob.digest), "hello");
    EXPECT_EQ(fake.requests().back().field("Authorization"), "Bearer T");
    EXPECT_EQ(fake.requests().back().target, "/other");
  }
}

TEST_F(RedirectTest, R4EndAfterTen) {
  redirect(fake.path("/blobs/again"));
  EXPECT_EQ(failure([&] { static_cast<void>(fetch(digest_of("x"))); }).code(), Errc::corrupt);
  EXPECT_EQ(fake.count("GET", fake.path("/blobs/")), 11U);
}

TEST_F(RedirectTest, R3LeadNowhereWeDoNotGo) {  // R5
  for (const char* location :
       {"file:///etc/passwd", "ftp://example.org/x", "http://169.254.169.254/", "http://10.0.0.1/x",
        "https://user:pass@example.org/", "http://x/\xc3"}) {
    redirect(location);
    EXPECT_EQ(failure([&] { static_cast<void>(fetch(digest_of("x"))); }).code(), Errc::corrupt)
        << location;
  }
  fake.on(fake.path("/blobs/"), {.status = 307});
  EXPECT_EQ(failure([&] { static_cast<void>(fetch(digest_of("x"))); }).code(), Errc::corrupt);
}

TEST_F(RedirectTest, R6GoBackToTheRegistryOnceWhenTheTargetHasExpired) {
  const auto blob = fake.add_blob("hello");
  std::atomic<int> links = 0;
  fake.on([&](const Request& request) -> std::optional<Response> {
    if (!request.path().starts_with(fake.path("/blobs/"))) return std::nullopt;
    return Response{.status = 307,
                    .fields = {{"Location", str_cat("http://", cdn.address(), "/", ++links)}}};
  });
  cdn.on("/1", {.status = 403, .body = "<Error><Code>AccessDenied</Code></Error>"});
  cdn.on("/2", {.body = "hello"});
  EXPECT_EQ(fetch(blob.digest), "hello");
  cdn.on("/", {.status = 403});
  EXPECT_EQ(failure([&] { static_cast<void>(fetch(blob.digest)); }).code(), Errc::denied);
  EXPECT_EQ(links, 4);
}

TEST_F(RedirectTest, R6GoBackToTheRegistryWhateverTheTargetWants) {  // EP-8
  const auto blob = fake.add_blob("hello");
  std::atomic<int> links = 0;
  fake.on([&](const Request& request) -> std::optional<Response> {
    if (!request.path().starts_with(fake.path("/blobs/"))) return std::nullopt;
    return Response{.status = 307,
                    .fields = {{"Location", str_cat("http://", cdn.address(), "/", ++links)}}};
  });
  cdn.on("/1", {.status = 401, .fields = {{"WWW-Authenticate", "Basic realm=\"artifactory\""}}});
  cdn.on("/2", {.body = "hello"});
  EXPECT_EQ(fetch(blob.digest), "hello");
}

TEST_F(RedirectTest, R6AreNoAbsenceWhereTheTargetHasLostIt) {  // EP-8, DEC-6
  const auto manifest = fake.add_manifest(kManifest, kOci);
  fake.on([&](const Request& request) -> std::optional<Response> {
    if (!request.path().starts_with(fake.path("/"))) {
      return std::nullopt;
    }
    return Response{.status = 307,
                    .fields = {{"Location", str_cat("http://", cdn.address(), "/lost")}}};
  });
  cdn.on("/lost", {.status = 404});
  EXPECT_EQ(resolve_failure(), Errc::unavailable);
  EXPECT_EQ(failure([&] { static_cast<void>(fetch(digest_of("hello"))); }).code(),
            Errc::unavailable);
  EXPECT_EQ(failure([&] { static_cast<void>(fetch(manifest.digest, Endpoint::manifests)); }).code(),
            Errc::unavailable);
}

TEST_F(RedirectTest, R8AreAbsenceWhereAnotherRegistrySaysSo) {  // registry.k8s.io
  fake.on(
      fake.path("/manifests/"),
      {.status = 307,
       .fields = {{"Location", str_cat("http://", cdn.address(), "/v2/test/repo/manifests/t")}}});
  auto reader = client();
  EXPECT_FALSE(reader.resolve("t", {}));
}

TEST_F(RedirectTest, B6HoldUpNobodyWhoDoesNotGoThere) {  // RTY-4
  const auto limited = fake.add_blob("limited");
  const auto other = fake.add_blob("other");
  fake.on(fake.path("/blobs/" + limited.digest.str()),
          {.status = 307, .fields = {{"Location", "http://" + cdn.address() + "/signed"}}});
  cdn.on("/signed", {.status = 429, .fields = {{"Retry-After", "21600"}}});
  std::atomic<int> asked = 0;
  fake.on([&](const Request& request) -> std::optional<Response> {
    if (request.path() != fake.path("/blobs/" + other.digest.str()) || ++asked > 1) {
      return std::nullopt;
    }
    return Response{.status = 500};
  });
  auto reader = client();
  Collector sink;
  EXPECT_EQ(
      failure([&] { reader.fetch(Endpoint::blobs, limited.digest, {}, sink, kContent); }).code(),
      Errc::rate_limited);
  reader.fetch(Endpoint::blobs, other.digest, {}, sink, kContent);
  EXPECT_EQ(sink.bytes, "other");
}

TEST_F(RedirectTest, R6SayWhoRefusesUs) {
  const auto blob = fake.add_blob("hello");
  cdn.on("/signed", {.status = 403, .body = "<Error><Code>AccessDenied</Code></Error>"});
  redirect("http://" + cdn.address() + "/signed?key=secret");
  const Error error = failure([&] { static_cast<void>(fetch(blob.digest)); });
  EXPECT_EQ(error.code(), Errc::denied);
  const std::string said = error.what();
  EXPECT_NE(said.find(str_cat("http://", cdn.address(),
                              "/signed, where the registry leads, answered 403")),
            std::string::npos)
      << said;
  EXPECT_EQ(said.find("secret"), std::string::npos) << said;
}

TEST_F(RedirectTest, B6LeaveAloneWhomTheyLeadToForAsLongAsThatSays) {  // RTY-3, RTY-4
  const auto blob = fake.add_blob("hello");
  redirect("http://" + cdn.address() + "/signed");
  cdn.on("/signed", {.status = 429, .fields = {{"Retry-After", "21600"}}});
  auto reader = client();
  for (int i = 0; i < 3; ++i) {
    Collector sink;
    EXPECT_EQ(
        failure([&] { reader.fetch(Endpoint::blobs, blob.digest, {}, sink, kContent); }).code(),
        Errc::rate_limited);
  }
  EXPECT_EQ(cdn.requests().size(), 1U);
  // The registry itself has not asked for that.
  EXPECT_TRUE(reader.find(Endpoint::blobs, blob.digest, {}));
}

TEST_F(RedirectTest, B6TryAgainNoSoonerThanAskedTo) {  // RTY-3
  const auto blob = fake.add_blob("hello");
  redirect("http://" + cdn.address() + "/signed");
  std::atomic<int> asked = 0;
  cdn.on([&asked](const Request&) -> std::optional<Response> {
    if (++asked == 1) return Response{.status = 503, .fields = {{"Retry-After", "1"}}};
    return Response{.body = "hello"};
  });
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(fetch(blob.digest), "hello");
  EXPECT_GE(std::chrono::steady_clock::now() - start, 1s);
  EXPECT_EQ(asked, 2);
}

TEST_F(RedirectTest, R7AskNoHeadOfWhereTheyLead) {  // EP-7: it is signed for GET
  const auto blob = fake.add_blob("hello");
  fake.on(fake.path("/blobs/"),
          {.status = 307, .fields = {{"Location", "http://" + cdn.address() + "/signed"}}});
  cdn.on([](const Request& request) -> std::optional<Response> {
    return request.method == "HEAD" ? Response{.status = 403} : Response{.body = "hello"};
  });
  auto reader = client();
  EXPECT_TRUE(reader.find(Endpoint::blobs, blob.digest, {}));
  EXPECT_EQ(cdn.requests().size(), 0U);
  EXPECT_EQ(fetch(blob.digest), "hello");
}

TEST_F(RedirectTest, R9AreFollowedForManifestsToo) {
  const auto manifest = fake.add_manifest(kManifest, kOci);
  cdn.on("/m", {.body = kManifest});
  fake.on(fake.path("/manifests/"),
          {.status = 302, .fields = {{"Location", str_cat("http://", cdn.address(), "/m")}}});
  EXPECT_EQ(fetch(manifest.digest, Endpoint::manifests), kManifest);
}

// --- stalls and ends
// ------------------------------------------------------------------------------

TEST_F(ClientTest, B7EndsAStall) {  // RTY-7
  fake.on(fake.path("/manifests/"), {.stall = true});
  EXPECT_EQ(resolve_failure(1s), Errc::timed_out);
  const auto blob = fake.add_blob("hello");
  fake.on(fake.path("/blobs/"), {.body = "hello", .stall_after = 2});
  Collector sink;
  auto reader = client(1s);
  EXPECT_EQ(failure([&] { reader.fetch(Endpoint::blobs, blob.digest, {}, sink, kContent); }).code(),
            Errc::timed_out);
  fake.release();
}

TEST_F(ClientTest, B7EndsAnAnswerThatIsDripped) {  // it moves, and holds up one of few threads
  fake.on("/v2/test/repo/tags/list",
          {.body = std::string(200'000, ' '), .pause = std::chrono::milliseconds(600)});
  auto reader = client(1s);
  EXPECT_EQ(failure([&] { static_cast<void>(reader.list_tags(std::nullopt, {})); }).code(),
            Errc::timed_out);
}

TEST_F(ClientTest, EndsEveryCallOnStop) {
  fake.on(fake.path("/"), {.stall = true});
  auto reader = client(600s);
  std::stop_source stop;
  std::atomic<int> interrupted = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        if (failure([&] {
              static_cast<void>(reader.resolve("t", {.stop = stop.get_token()}));
            }).code() == Errc::interrupted) {
          ++interrupted;
        }
      });
    }
    while (fake.stalled() < 8) std::this_thread::yield();
    stop.request_stop();
  }
  EXPECT_EQ(interrupted, 8);
}

// --- referrers
// ------------------------------------------------------------------------------------

constexpr const char* kIndexType = "application/vnd.oci.image.index.v1+json";

TEST_F(ClientTest, L6TakesNoReferrersForWhatIsNoSuchList) {  // EP-12
  const Digest subject = digest_of("subject");
  const std::string html = "<html></html>";
  const std::vector<Response> answers = {
      {.status = 404},
      {.status = 400},
      {.status = 401},
      {.status = 403},
      {.status = 405},
      {.status = 406},
      {.status = 303, .fields = {{"Location", "https://github.com/"}}},
      {.fields = {{"Content-Type", "text/html"}}, .body = html},
      {.fields = {{"Content-Type", kIndexType}}, .body = html},
  };
  for (const Response& answer : answers) {
    fake.clear_handlers();
    fake.on(fake.path("/referrers/"), answer);
    auto reader = client();
    fake.forget_requests();
    EXPECT_EQ(reader.list_referrers(subject, {}), std::nullopt) << answer.status;
    EXPECT_EQ(reader.list_referrers(digest_of("other"), {}), std::nullopt);
    // A refusal may be of the one image, or of us; anything else is remembered for a while.
    const bool is_refusal = answer.status == 400 || answer.status == 401 || answer.status == 403;
    EXPECT_EQ(fake.count("GET", fake.path("/referrers/")), is_refusal ? 2U : 1U) << answer.status;
    fake.clear_handlers();
    fake.on(fake.path("/referrers/"), {.fields = {{"Content-Type", kIndexType}},
                                       .body = R"({"schemaVersion":2,"manifests":[]})"});
    EXPECT_EQ(reader.list_referrers(subject, {}).has_value(), is_refusal) << answer.status;
  }
}

TEST_F(ClientTest, L6IsNoAbsenceWhereEverythingIsDenied) {  // EP-12, DEC-6
  for (const int status : {401, 403}) {
    fake.clear_handlers();
    fake.on(fake.path("/"), {.status = status});
    auto reader = client();
    EXPECT_EQ(
        failure([&] { static_cast<void>(reader.list_referrers(digest_of("subject"), {})); }).code(),
        Errc::denied)
        << status;
  }
}

TEST_F(ClientTest, L2OfReferrersThatLinkToThemselvesIsReadOnce) {  // L7, EP-10
  const Digest subject = digest_of("subject");
  const std::string list = fake.path("/referrers/" + subject.str());
  fake.on(
      list,
      {.fields = {{"Content-Type", kIndexType}, {"Link", str_cat("<", list, ">; rel=\"next\"")}},
       .body = R"({"schemaVersion":2,"manifests":[{"digest":")" + subject.str() + R"("}]})"});
  auto reader = client();
  const auto referrers = reader.list_referrers(subject, {});
  ASSERT_TRUE(referrers);
  EXPECT_EQ(referrers->size(), 1U);
  EXPECT_EQ(fake.count("GET", list), 1U);
}

TEST_F(ClientTest, L2OfReferrersWithoutEndIsTooLarge) {  // L7, EP-10
  const Digest subject = digest_of("subject");
  const std::string list = fake.path("/referrers/" + subject.str());
  std::atomic<int> pages = 0;
  fake.on([&](const Request& request) -> std::optional<Response> {
    if (request.path() != list) return std::nullopt;
    return Response{.fields = {{"Content-Type", kIndexType},
                               {"Link", str_cat("<", list, "?page=", ++pages, ">; rel=\"next\"")}},
                    .body = R"({"schemaVersion":2,"manifests":[]})"};
  });
  auto reader = client();
  const Error error = failure([&] { static_cast<void>(reader.list_referrers(subject, {})); });
  EXPECT_EQ(error.code(), Errc::too_large);
  EXPECT_NE(std::string(error.what()).find("more than 100 pages"), std::string::npos);
  EXPECT_EQ(pages, 100);
}

TEST_F(ClientTest, L7IsNoListOfNoneWhereAFurtherPageIsBad) {  // EP-12, DEC-6
  const Digest subject = digest_of("subject");
  const std::string list = fake.path("/referrers/" + subject.str());
  std::atomic<int> bad = 1;
  fake.on([&](const Request& request) -> std::optional<Response> {
    if (request.target == list) {
      return Response{.fields = {{"Content-Type", kIndexType},
                                 {"Link", str_cat("<", list, "?page=2>; rel=\"next\"")}},
                      .body = R"({"schemaVersion":2,"manifests":[]})"};
    }
    if (request.target != list + "?page=2") return std::nullopt;
    if (bad-- > 0) return Response{.fields = {{"Content-Type", "text/html"}}, .body = "<html>"};
    return Response{.fields = {{"Content-Type", kIndexType}},
                    .body = R"({"schemaVersion":2,"manifests":[]})"};
  });
  auto reader = client();
  EXPECT_EQ(failure([&] { static_cast<void>(reader.list_referrers(subject, {})); }).code(),
            Errc::corrupt);
  EXPECT_TRUE(reader.list_referrers(subject, {}));
}

TEST_F(ClientTest, L6FindsNoReferrersInAListOfNone) {
  for (const std::string manifests : {"null", "[]"}) {
    fake.clear_handlers();
    fake.on(fake.path("/referrers/"),
            {.fields = {{"Content-Type", kIndexType}},
             .body = R"({"schemaVersion":2,"mediaType":")" + std::string(kIndexType) +
                     R"(","manifests":)" + manifests + "}"});
    auto reader = client();
    const auto referrers = reader.list_referrers(digest_of("subject"), {});
    ASSERT_TRUE(referrers) << manifests;
    EXPECT_TRUE(referrers->empty());
  }
}

TEST_F(ClientTest, L7ReadsEveryPageOfReferrers) {  // EP-12
  const Digest subject = digest_of("subject");
  const auto page = [](const std::string& content) {
    return R"({"schemaVersion":2,"manifests":[{"mediaType":"a/b","artifactType":"c/d","digest":")" +
           digest_of(content).str() + R"(","size":1}]})";
  };
  const std::string path = fake.path("/referrers/" + subject.str());
  fake.on([&](const Request& request) -> std::optional<Response> {
    if (request.path() != path) return std::nullopt;
    EXPECT_EQ(request.field("Accept"), kIndexType);
    Response response{.fields = {{"Content-Type", std::string(kIndexType) + "; charset=utf-8"}},
                      .body = page("first")};
    if (request.target == path) {
      response.fields.emplace_back("Link", "<" + path + "?next=2>; rel=\"next\"");
    } else {
      response.body = page("second");
    }
    return response;
  });
  auto reader = client();
  const auto referrers = reader.list_referrers(subject, {});
  ASSERT_TRUE(referrers);
  ASSERT_EQ(referrers->size(), 2U);
  EXPECT_EQ((*referrers)[0].digest, digest_of("first"));
  EXPECT_EQ((*referrers)[0].artifact_type, "c/d");
  EXPECT_EQ((*referrers)[1].digest, digest_of("second"));
}

TEST_F(ClientTest, L6FollowsToTheListOfAnotherRegistry) {  // EP-8, EP-12
  const Digest subject = digest_of("subject");
  FakeRegistry other;
  other.on("/v2/theirs/repo/referrers/",
           {.fields = {{"Content-Type", kIndexType}}, .body = R"({"manifests":[]})"});
  fake.on(fake.path("/referrers/"),
          {.status = 307,
           .fields = {{"Location", str_cat("http://", other.address(), "/v2/theirs/repo/referrers/",
                                           subject)}}});
  EXPECT_TRUE(client().list_referrers(subject, {}));
}

TEST_F(ClientTest, L6TakesNoManifestForAListOfReferrers) {  // EP-12
  const Digest subject = digest_of("subject");
  fake.on(fake.path("/referrers/"),
          {.fields = {{"Content-Type", std::string(media_type::kOciIndex)}}, .body = kManifest});
  auto reader = client();
  EXPECT_FALSE(reader.list_referrers(subject, {}));
}

TEST_F(ClientTest, L6TellsALimitFromAMissingList) {  // DEC-6
  const Digest subject = digest_of("subject");
  const std::pair<Response, Errc> answers[] = {
      {{.status = 408}, Errc::unavailable},
      {{.status = 425}, Errc::unavailable},
      {{.status = 403, .body = R"({"errors":[{"code":"TOOMANYREQUESTS"}]})"}, Errc::rate_limited},
      {{.fields = {{"Content-Type", std::string(media_type::kOciIndex)}},
        .body = R"({"manifests":[)" + std::string(5U << 20U, ' ') + "]}"},
       Errc::too_large},
  };
  for (const auto& [answer, code] : answers) {
    fake.clear_handlers();
    fake.on(fake.path("/referrers/"), answer);
    auto reader = client();
    EXPECT_EQ(failure([&] { static_cast<void>(reader.list_referrers(subject, {})); }).code(), code)
        << answer.status;
  }
}

TEST_F(ClientTest, TellsAFailureToListReferrersFromTheirAbsence) {
  auto reader = client();
  const auto ask = [&] { static_cast<void>(reader.list_referrers(digest_of("subject"), {})); };
  fake.on(fake.path("/referrers/"), {.status = 429});
  EXPECT_EQ(failure(ask).code(), Errc::rate_limited);
  fake.on(fake.path("/referrers/"), {.status = 503});
  EXPECT_EQ(failure(ask).code(), Errc::unavailable);
}

TEST_F(ClientTest, SaysThatNobodyListens) {
  std::string address;
  {
    const FakeRegistry gone;
    address = gone.address();
  }
  Client reader(Reference::parse(address + "/a"), {.stall = 5s, .user_agent = "t"});
  const Error error = failure([&] { static_cast<void>(reader.list_tags(std::nullopt, {})); });
  EXPECT_EQ(error.code(), Errc::unavailable);
  EXPECT_NE(std::string(error.what()).find(address), std::string::npos) << error.what();
}

TEST_F(ClientTest, SaysAgainAndAgainThatAHostIsUnknown) {  // no such label: nobody is asked for it
  Client reader(Reference::parse(std::string(64, 'a') + ".invalid/x"), options());
  for (int i = 0; i < 3; ++i) {
    const Error error = failure([&] { static_cast<void>(reader.resolve("t", {})); });
    EXPECT_EQ(error.code(), Errc::unavailable) << error.what();
  }
}

TEST_F(ClientTest, L12ShowsNoPasswordOfAProxy) {  // PRX-2, AUTH-18
  for (const char* proxy : {"http://me:proxy secret@h.invalid:1", "http://me:secret#1@h.invalid:1",
                            "http://me:secret@h.invalid:99999", "ftp://me:secret@h.invalid:1"}) {
    ::setenv("HTTPS_PROXY", proxy, 1);
    Client reader(Reference::parse("registry.invalid/a"), options());
    const Error error = failure([&] { static_cast<void>(reader.list_tags(std::nullopt, {})); });
    ::unsetenv("HTTPS_PROXY");
    const std::string said = error.what();
    EXPECT_EQ(said.find("secret"), std::string::npos) << said;
    EXPECT_NE(said.find("through the proxy"), std::string::npos) << said;
  }
}

TEST_F(ClientTest, RefusesAHeadWithoutEnd) {
  Response endless{.body = "{}"};
  for (int i = 0; i < 400; ++i) endless.fields.emplace_back("X", std::string(1000, 'x'));
  fake.on("/v2/", endless);
  EXPECT_EQ(resolve_failure(), Errc::too_large);
}

}  // namespace
}  // namespace digestfs::registry
