// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <chrono>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/text.h"
#include "tests/registry/host/client_fixture.h"

namespace digestfs::registry {
namespace {

class RedirectTest : public BearerTest {
 protected:
  void redirect(const std::string& location, int status = 307) {
    fake.on(fake.path("/blobs/"), {.status = status, .fields = {{"Location", location}}});
  }

  FakeRegistry cdn;
};

TEST_F(RedirectTest, R1SendNoTokenToAnotherHostOrPort) {  // EP-8
  const auto blob = fake.add_blob("hello");
  cdn.on("/data", {.body = "hello"});
  for (const int status : {301, 302, 303, 307, 308}) {
    redirect(str_cat("http://", cdn.address(), "/data?sig=secret"), status);
    require_token("T");
    serve_token(R"({"token":"T"})");
    EXPECT_EQ(fetch(blob.digest), "hello") << status;
  }
  ASSERT_EQ(cdn.requests().size(), 5U);
  for (const Request& request : cdn.requests()) {
    EXPECT_EQ(request.field("Authorization"), "");
    EXPECT_EQ(request.target, "/data?sig=secret");
  }
}

TEST_F(RedirectTest, R1SendNoTokenToASubdomain) {  // EP-8: on the same port
  const auto blob = fake.add_blob("hello");
  const std::string port = fake.address().substr(fake.address().find(':'));
  redirect(str_cat("http://cdn.localhost", port, "/data"));
  require_token("T");
  serve_token(R"({"token":"T"})");
  fake.on("/data", {.body = "hello"});
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
  const auto blob = fake.add_blob("hello");
  for (const std::string& location :
       {std::string("/other#part"), str_cat("http://", fake.address(), "/other")}) {
    fake.clear_handlers();
    fake.on("/other", {.body = "hello"});
    redirect(location);
    require_token("T");
    serve_token(R"({"token":"T"})");
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

}  // namespace
}  // namespace digestfs::registry
