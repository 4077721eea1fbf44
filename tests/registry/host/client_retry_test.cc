// SPDX-License-Identifier: Apache-2.0
// What is tried again, how soon, and when not at all (reference 6, 11.4).

#include <array>
#include <atomic>
#include <ctime>
#include <memory>
#include <thread>

#include <gtest/gtest.h>

#include "base/text.h"
#include "tests/registry/host/client_fixture.h"

namespace digestfs::registry {
namespace {

class RetryTest : public ClientTest {
 protected:
  RetryTest() { fake.tag("t", fake.add_manifest(kManifest, kOci).digest); }

  /// The first `count` requests for the tag are answered so.
  void fail_first(int count, Response response) {
    fake.on([this, left = std::make_shared<std::atomic<int>>(count),
             response](const Request& request) -> std::optional<Response> {
      if (!request.path().starts_with(fake.path("/"))) return std::nullopt;
      return left->fetch_sub(1) > 0 ? std::optional(response) : std::nullopt;
    });
  }

  [[nodiscard]] std::size_t asked() const { return fake.count("HEAD", fake.path("/manifests/t")); }
};

TEST_F(RetryTest, B5TriesAgainWhatFailsInPassing) {  // RTY-1
  for (const int status : {408, 425, 429, 499, 500, 502, 503, 504, 520, 524}) {
    fake.clear_handlers();
    fake.forget_requests();
    fail_first(2, {.status = status});
    EXPECT_TRUE(client().resolve("t", {})) << status;
    EXPECT_EQ(asked(), 3U) << status;
  }
}

TEST_F(RetryTest, B5GivesUpInTheEnd) {  // RTY-2
  fail_first(1000, {.status = 503});
  EXPECT_EQ(resolve_failure(), Errc::unavailable);
  EXPECT_EQ(asked(), 5U);
}

TEST_F(RetryTest, B6WaitsForNoRegistryWithWhatAnswersAQuestion) {  // promise 5
  const auto blob = fake.add_blob("{}");
  fail_first(1000, {.status = 429, .fields = {{"Retry-After", "20"}}});
  auto reader = client();
  Collector sink;
  EXPECT_EQ(failure([&] { reader.fetch(Endpoint::blobs, blob.digest, {}, sink, {}); }).code(),
            Errc::rate_limited);
  EXPECT_EQ(fake.count("GET", fake.path("/blobs/" + blob.digest.str())), 1U);
}

TEST_F(RetryTest, DoesNotTryAgainWhatWillNotChange) {  // RTY-1
  for (const int status : {400, 403, 404, 406, 410, 451}) {
    fake.clear_handlers();
    fake.forget_requests();
    fail_first(1000, {.status = status});
    auto reader = client();
    try {
      static_cast<void>(reader.resolve("t", {}));
    } catch (const Error&) {
    }
    EXPECT_EQ(asked(), 1U) << status;
  }
}

TEST_F(RetryTest, TriesAgainAConnectionThatWasCut) {
  const auto blob = fake.add_blob("hello");
  auto reader = client();
  EXPECT_TRUE(reader.resolve("t", {}));
  fail_first(2, {.body = "x", .cut = 0});
  Collector sink;
  reader.fetch(Endpoint::blobs, blob.digest, {}, sink, kContent);
  EXPECT_EQ(sink.bytes, "hello");
}

TEST_F(RetryTest, SendsAWholeDocumentAfterAPartOfOne) {
  const auto manifest = fake.add_manifest(kManifest, kOci);
  fail_first(1, {.body = kManifest, .cut = 10});
  EXPECT_EQ(fetch(manifest.digest, Endpoint::manifests), kManifest);
}

TEST_F(RetryTest, LeavesABlobOfWhichSomethingCameToWhoeverKeepsIt) {  // RTY-8
  const auto blob = fake.add_blob("hello");
  fail_first(1, {.body = "hello", .cut = 2});
  Collector sink;
  EXPECT_EQ(failure([&] {
              auto reader = client();
              reader.fetch(Endpoint::blobs, blob.digest, {}, sink, kContent);
            }).code(),
            Errc::unavailable);
  EXPECT_EQ(sink.bytes, "he");
}

TEST_F(RetryTest, B6WaitsAsLongAsItIsTold) {  // RTY-3
  fail_first(1, {.status = 429, .fields = {{"Retry-After", "1"}}});
  const auto start = Clock::now();
  EXPECT_TRUE(client().resolve("t", {}));
  EXPECT_GE(Clock::now() - start, 900ms);
  EXPECT_EQ(asked(), 2U);
}

TEST_F(RetryTest, B6TakesADateForTheTimeUntilThen) {  // RTY-3
  const auto then = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now() + 1h);
  std::tm parts{};
  ::gmtime_r(&then, &parts);
  std::array<char, 64> date{};
  ASSERT_GT(std::strftime(date.data(), date.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts), 0U);
  fail_first(1, {.status = 429, .fields = {{"Retry-After", date.data()}}});
  auto reader = client();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(failure([&] { static_cast<void>(reader.resolve("t", {})); }).code(),
              Errc::rate_limited);
  }
  EXPECT_EQ(asked(), 1U);
}

TEST_F(RetryTest, B6TakesItsOwnTimeWhereTheServersIsNone) {
  fail_first(1, {.status = 429});  // Docker Hub, at times
  EXPECT_TRUE(client().resolve("t", {}));
  for (const char* value : {"-1", "abc", "Sun, 09 Sep 2001 01:46:40 GMT"}) {
    fake.clear_handlers();
    fail_first(1, {.status = 429, .fields = {{"Retry-After", value}}});
    EXPECT_TRUE(client().resolve("t", {})) << value;
  }
}

TEST_F(RetryTest, KeepsNobodyWaitingWhoLooksANameUp) {  // promises 5 and 9
  fail_first(1, {.status = 429, .fields = {{"Retry-After", "20"}}});
  EXPECT_EQ(resolve_failure(), Errc::rate_limited);
  EXPECT_EQ(asked(), 1U);
}

TEST_F(RetryTest, B6FailsAtOnceWhereItIsToldToWaitForHours) {  // RTY-3, RTY-4
  fail_first(1, {.status = 429,
                 .fields = {{"Retry-After", "21600"}},
                 .body = R"({"errors":[{"code":"TOOMANYREQUESTS","message":"pull rate limit"}]})"});
  const auto blob = fake.add_blob("hello");
  auto reader = client();
  const Error error = failure([&] { static_cast<void>(reader.list_tags({}, {})); });
  EXPECT_EQ(error.code(), Errc::rate_limited);
  EXPECT_NE(std::string(error.what()).find("pull rate limit"), std::string::npos) << error.what();
  fake.forget_requests();
  // For everybody who asks that host.
  EXPECT_EQ(failure([&] { static_cast<void>(reader.resolve("t", {})); }).code(),
            Errc::rate_limited);
  Collector sink;
  EXPECT_EQ(failure([&] { reader.fetch(Endpoint::blobs, blob.digest, {}, sink, kContent); }).code(),
            Errc::rate_limited);
  EXPECT_TRUE(fake.requests().empty());
}

TEST_F(RetryTest, KnowsALimitByItsCodeOnAnyStatus) {  // RTY-4
  fail_first(1, {.status = 403, .body = R"({"errors":[{"code":"TOOMANYREQUESTS"}]})"});
  EXPECT_TRUE(client().list_tags({}, {}).tags.size() == 1);
}

TEST_F(RetryTest, EndsItsWaitOnStop) {
  fail_first(1000, {.status = 429, .fields = {{"Retry-After", "50"}}});
  auto reader = client();
  std::stop_source stop;
  Errc code = Errc::corrupt;
  const auto blob = fake.add_blob("hello");
  std::jthread waiting([&] {
    Collector sink;
    code = failure([&] {
             reader.fetch(Endpoint::blobs, blob.digest, {}, sink,
                          {.stop = stop.get_token(), .urgency = Urgency::content});
           }).code();
  });
  while (fake.requests().size() < 2) std::this_thread::sleep_for(1ms);
  stop.request_stop();
  waiting.join();
  EXPECT_EQ(code, Errc::interrupted);
}

TEST_F(RetryTest, TellsAtOnceThatNobodyListens) {
  std::string address;
  {
    const FakeRegistry gone;
    address = gone.source();
  }
  Client reader(Reference::parse(address), options());
  EXPECT_EQ(failure([&] { static_cast<void>(reader.resolve("t", {})); }).code(), Errc::unavailable);
}

}  // namespace
}  // namespace digestfs::registry
