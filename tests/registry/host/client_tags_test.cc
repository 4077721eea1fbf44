// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/text.h"
#include "tests/registry/host/client_fixture.h"

namespace digestfs::registry {
namespace {

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
  EXPECT_EQ(fake.requests()[0].target, fake.path("/tags/list"));  // no n of ours (L4)
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
    EXPECT_EQ(fake.count("GET", fake.path("/tags/list")), 2U);
    EXPECT_EQ(fake.requests().back().target, fake.path("/tags/list?n=100"));
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

}  // namespace
}  // namespace digestfs::registry
