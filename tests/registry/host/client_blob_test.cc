// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/text.h"
#include "tests/registry/host/client_fixture.h"
#include "tests/support/image_builder.h"

namespace digestfs::registry {
namespace {

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

// Who asks for a part with an end does not take the whole: it was sent for nothing.
TEST_F(ClientTest, AsksForNoMoreWhereAPartOfABlobIsRefused_EP9) {
  const auto blob = fake.add_blob("0123456789");
  const Response answers[] = {
      {.status = 416, .fields = {{"Content-Range", "bytes */10"}}},
      {.status = 416},
      {.status = 206, .body = "4567"},
      {.status = 206, .fields = {{"Content-Range", "bytes 3-7/10"}}, .body = "34567"},
      {.status = 206, .fields = {{"Content-Range", "bytes 4-6/10"}}, .body = "456"},
  };
  for (const Response& answer : answers) {
    fake.clear_handlers();
    int requests = 0;
    fake.on([&](const Request& request) -> std::optional<Response> {
      if (request.path() != fake.path("/blobs/" + blob.digest.str())) return std::nullopt;
      ++requests;
      return request.field("Range").empty() ? std::nullopt : std::optional(answer);
    });
    Collector sink;
    auto reader = client();
    const Error error = failure([&] {
      reader.fetch(Endpoint::blobs, blob.digest, {.offset = 4, .end = 8}, sink, kContent);
    });
    EXPECT_EQ(error.code(), Errc::unsupported) << error.what();
    EXPECT_EQ(requests, 1) << answer.status << " " << answer.body;
    EXPECT_EQ(sink.bytes, "");
  }
}

// docker-registry 2.8 announces the length of the blob with 416, and hangs up after its line of
// text. Whatever was left whole by a process that was killed could never be read again.
TEST_F(ClientTest, B2TakesUnsatisfiableAsCompleteAtTheEnd) {
  const auto blob = fake.add_blob(std::string(100, 'x'));
  const Response answers[] = {
      {.status = 416, .fields = {{"Content-Range", "bytes */100"}}},
      {.status = 416,
       .fields = {{"Content-Range", "bytes */100"}},
       .body = "invalid range: failed to overlap\n",
       .length = 100},
  };
  for (const Response& answer : answers) {
    fake.clear_handlers();
    fake.on(fake.path("/blobs/"), answer);
    Collector sink;
    auto reader = client();
    reader.fetch(Endpoint::blobs, blob.digest, {.offset = 100}, sink, kContent);
    EXPECT_EQ(sink.bytes, "");
    ASSERT_EQ(sink.beginnings.size(), 1U);
    EXPECT_EQ(sink.beginnings[0].offset, 100U);
  }
}

// What a refusal is does not depend on the text that comes with it.
TEST_F(ClientTest, KnowsARefusalWhoseTextIsCut) {
  const auto blob = fake.add_blob("0123456789");
  fake.on(fake.path("/blobs/"), {.status = 404, .body = "{}", .length = 100});
  Collector sink;
  auto reader = client();
  const Error error =
      failure([&] { reader.fetch(Endpoint::blobs, blob.digest, {}, sink, kContent); });
  EXPECT_EQ(error.code(), Errc::not_found) << error.what();
}

// A challenge or a time to wait may be among the fields that are missing.
TEST_F(ClientTest, TakesNoRefusalWhoseHeadIsCut) {
  const auto blob = fake.add_blob("0123456789");
  int answers = 0;
  fake.on([&](const Request& request) -> std::optional<Response> {
    if (request.path() != fake.path("/blobs/" + blob.digest.str())) return std::nullopt;
    if (++answers > 1) return std::nullopt;
    return Response{.status = 403, .length = 100, .cut_head = true};
  });
  Collector sink;
  auto reader = client();
  reader.fetch(Endpoint::blobs, blob.digest, {}, sink, kContent);
  EXPECT_EQ(sink.bytes, "0123456789");
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

}  // namespace
}  // namespace digestfs::registry
