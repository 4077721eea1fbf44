// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/text.h"
#include "registry/image/media_type.h"
#include "tests/registry/host/client_fixture.h"

namespace digestfs::registry {
namespace {

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

}  // namespace
}  // namespace digestfs::registry
