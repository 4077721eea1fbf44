// SPDX-License-Identifier: Apache-2.0
#include "registry/host/catalog.h"

#include <atomic>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/text.h"
#include "tests/registry/host/client_fixture.h"

namespace digestfs::registry {
namespace {

using Names = std::vector<std::string>;

class CatalogTest : public ClientTest {
 protected:
  [[nodiscard]] Catalog list(ClientOptions given = options()) const {
    return list_repositories(*Reference::parse_registry(fake.address() + "/"), std::move(given),
                             {});
  }

  /// Answers each page of the catalogue, by its target.
  void serve(const std::map<std::string, Response>& pages) {
    fake.on([pages](const Request& request) -> std::optional<Response> {
      const auto at = pages.find(request.target);
      return at == pages.end() ? std::nullopt : std::optional(at->second);
    });
  }

  [[nodiscard]] std::size_t pages() const { return fake.count("GET", "/v2/_catalog"); }
};

TEST(Catalog, L3LeavesOutWhatIsNoRepository) {
  EXPECT_EQ(
      parse_repositories(R"({"repositories":["a/b",null,"../x","A/b",7,"","a//b","a\n","c"]})"),
      (Names{"a/b", "c"}));
  for (const char* body : {"{}", R"({"repositories":null})", R"({"repositories":[]})"}) {
    EXPECT_TRUE(parse_repositories(body).empty()) << body;
  }
  for (const char* body : {"[]", "<html></html>", "", R"({"repositories":"a"})"}) {
    EXPECT_THROW(static_cast<void>(parse_repositories(body)), Error) << body;
  }
}

TEST_F(CatalogTest, L1ReadsEveryPageOfThisRegistry) {  // EP-11, EP-10
  serve(
      {{"/v2/_catalog",
        {.fields = {{"Link", R"(<https://other.invalid/v2/_catalog?last=b%2Cb&n=2>; rel="next")"}},
         .body = R"({"repositories":["b","a/b"]})"}},
       {"/v2/_catalog?last=b%2Cb&n=2", {.body = R"({"repositories":["b","c"]})"}}});
  const Catalog catalog = list();
  EXPECT_EQ(catalog.repositories, (Names{"a/b", "b", "c"}));
  EXPECT_TRUE(catalog.is_complete);
  EXPECT_FALSE(catalog.refusal);
}

TEST_F(CatalogTest, L2EndsWherePagesDoNot) {
  serve({{"/v2/_catalog",
          {.fields = {{"Link", R"(</v2/_catalog>; rel="next")"}},
           .body = R"({"repositories":["a"]})"}}});
  Catalog catalog = list();
  EXPECT_EQ(catalog.repositories, Names{"a"});
  EXPECT_FALSE(catalog.is_complete);
  EXPECT_EQ(pages(), 1U);

  fake.clear_handlers();
  std::atomic<int> page = 0;
  fake.on([&page](const Request& request) -> std::optional<Response> {
    if (request.path() != "/v2/_catalog") return std::nullopt;
    const int n = ++page;
    return Response{.fields = {{"Link", str_cat("</v2/_catalog?page=", n, ">; rel=next")}},
                    .body = str_cat(R"({"repositories":["r)", n, R"("]})")};
  });
  fake.forget_requests();
  catalog = list();
  EXPECT_EQ(catalog.repositories.size(), 100U);
  EXPECT_FALSE(catalog.is_complete);
  EXPECT_EQ(pages(), 100U);
  fake.clear_handlers();
}

TEST_F(CatalogTest, NamesAThousandAtMost) {
  std::string body = R"({"repositories":["z")";
  for (int i = 0; i < 1500; ++i) body += str_cat(",\"r", i, "\"");
  serve({{"/v2/_catalog", {.body = body + "]}"}}});
  const Catalog catalog = list();
  EXPECT_EQ(catalog.repositories.size(), 1000U);
  EXPECT_FALSE(catalog.is_complete);
}

TEST_F(CatalogTest, L5IsMissingWhereTheRegistryHasNone) {
  for (const int status : {400, 401, 403, 404, 405}) {
    fake.clear_handlers();
    serve({{"/v2/_catalog",
            {.status = status, .body = R"({"errors":[{"code":"UNSUPPORTED","message":"no"}]})"}}});
    const Catalog catalog = list();
    EXPECT_TRUE(catalog.repositories.empty());
    EXPECT_FALSE(catalog.is_complete);
    ASSERT_TRUE(catalog.refusal) << status;
    EXPECT_NE(catalog.refusal->find(str_cat(status, " UNSUPPORTED (no)")), std::string::npos)
        << *catalog.refusal;
    // The repositories are none the worse for it.
    const auto blob = fake.add_blob("hello");
    EXPECT_EQ(fetch(blob.digest), "hello");
  }
}

TEST_F(CatalogTest, IsNotMissingWhereTheRegistryCannotBeAsked) {  // DEC-6
  for (const auto& [status, code] :
       {std::pair{503, Errc::unavailable}, std::pair{429, Errc::rate_limited}}) {
    fake.clear_handlers();
    serve({{"/v2/_catalog",
            {.status = status, .fields = {{"Retry-After", "21600"}}, .body = "later"}}});
    EXPECT_EQ(failure([&] { static_cast<void>(list()); }).code(), code);
  }
}

TEST_F(CatalogTest, AsksForATokenOfItsOwn) {  // AUTH-16
  fake.on([this](const Request& request) -> std::optional<Response> {
    if (request.path() == "/token") return Response{.body = R"({"token":"T"})"};
    if (request.field("Authorization") != "Bearer T") {
      return Response{
          .status = 401,
          .fields = {{"WWW-Authenticate", str_cat("Bearer realm=\"http://", fake.address(),
                                                  "/token\",service=\"s\"")}}};
    }
    if (request.path() == "/v2/_catalog") return Response{.body = R"({"repositories":["a"]})"};
    return std::nullopt;
  });
  ClientOptions given = options();
  given.credentials.given = "user:secret";
  EXPECT_EQ(list(given).repositories, Names{"a"});
  std::string asked;
  for (const Request& request : fake.requests()) {
    if (request.path() == "/token") asked = request.target;
  }
  EXPECT_EQ(asked,
            "/token?service=s&scope=registry%3Acatalog%3A%2A&account=user&client_id=digestfs");
}

TEST_F(CatalogTest, L5IsMissingWhereTheTokenServerGivesNoToken) {
  fake.on([this](const Request& request) -> std::optional<Response> {
    if (request.path() == "/token") return Response{.status = 403};
    return Response{.status = 401,
                    .fields = {{"WWW-Authenticate",
                                str_cat("Bearer realm=\"http://", fake.address(), "/token\"")}}};
  });
  const Catalog catalog = list();
  ASSERT_TRUE(catalog.refusal);
  EXPECT_NE(catalog.refusal->find("no token from"), std::string::npos) << *catalog.refusal;
}

}  // namespace
}  // namespace digestfs::registry
