// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "base/error.h"
#include "registry/image/manifest.h"
#include "registry/image/media_type.h"
#include "tests/registry/host/client_fixture.h"

namespace digestfs::registry {
namespace {

TEST_F(ClientTest, ResolvesATagByOneHead) {  // EP-3
  const auto manifest = fake.add_manifest(kManifest, kOci + "; charset=utf-8");
  fake.tag("t", manifest.digest);
  auto reader = client();
  const auto found = reader.resolve("t", {});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->digest, manifest.digest);
  EXPECT_EQ(found->media_type, kOci);
  EXPECT_EQ(found->size, kManifest.size());
  EXPECT_EQ(fake.requests().size(), 1U);
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

}  // namespace
}  // namespace digestfs::registry
