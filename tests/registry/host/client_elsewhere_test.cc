// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/text.h"
#include "tests/registry/host/login_fixture.h"

namespace digestfs::registry {
namespace {

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
