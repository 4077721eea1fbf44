// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/text.h"
#include "tests/registry/host/login_fixture.h"

namespace digestfs::registry {
namespace {

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

}  // namespace
}  // namespace digestfs::registry
