// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/guarded.h"
#include "base/text.h"
#include "tests/registry/host/login_fixture.h"

namespace digestfs::registry {
namespace {

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

}  // namespace
}  // namespace digestfs::registry
