// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/registry/host/client_fixture.h"

namespace digestfs::registry {
namespace {

TEST_F(ClientTest, B7EndsAStall) {  // RTY-7
  fake.on(fake.path("/manifests/"), {.stall = true});
  EXPECT_EQ(resolve_failure(1s), Errc::timed_out);
  const auto blob = fake.add_blob("hello");
  fake.on(fake.path("/blobs/"), {.body = "hello", .stall_after = 2});
  Collector sink;
  auto reader = client(1s);
  EXPECT_EQ(failure([&] { reader.fetch(Endpoint::blobs, blob.digest, {}, sink, kContent); }).code(),
            Errc::timed_out);
  fake.release();
}

TEST_F(ClientTest, B7EndsAnAnswerThatIsDripped) {  // it moves, and holds up one of few threads
  fake.on("/v2/test/repo/tags/list",
          {.body = std::string(200'000, ' '), .pause = std::chrono::milliseconds(600)});
  auto reader = client(1s);
  EXPECT_EQ(failure([&] { static_cast<void>(reader.list_tags(std::nullopt, {})); }).code(),
            Errc::timed_out);
}

TEST_F(ClientTest, EndsEveryCallOnStop) {
  fake.on(fake.path("/"), {.stall = true});
  auto reader = client(600s);
  std::stop_source stop;
  std::atomic<int> interrupted = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        if (failure([&] {
              static_cast<void>(reader.resolve("t", {.stop = stop.get_token()}));
            }).code() == Errc::interrupted) {
          ++interrupted;
        }
      });
    }
    while (fake.stalled() < 8) std::this_thread::yield();
    stop.request_stop();
  }
  EXPECT_EQ(interrupted, 8);
}

TEST_F(ClientTest, SaysThatNobodyListens) {
  std::string address;
  {
    const FakeRegistry gone;
    address = gone.address();
  }
  Client reader(Reference::parse(address + "/a"), {.stall = 5s, .user_agent = "t"});
  const Error error = failure([&] { static_cast<void>(reader.list_tags(std::nullopt, {})); });
  EXPECT_EQ(error.code(), Errc::unavailable);
  EXPECT_NE(std::string(error.what()).find(address), std::string::npos) << error.what();
}

TEST_F(ClientTest, SaysAgainAndAgainThatAHostIsUnknown) {  // no such label: nobody is asked for it
  Client reader(Reference::parse(std::string(64, 'a') + ".invalid/x"), options());
  for (int i = 0; i < 3; ++i) {
    const Error error = failure([&] { static_cast<void>(reader.resolve("t", {})); });
    EXPECT_EQ(error.code(), Errc::unavailable) << error.what();
  }
}

TEST_F(ClientTest, L12ShowsNoPasswordOfAProxy) {  // PRX-2, AUTH-18
  for (const char* proxy : {"http://me:proxy secret@h.invalid:1", "http://me:secret#1@h.invalid:1",
                            "http://me:secret@h.invalid:99999", "ftp://me:secret@h.invalid:1"}) {
    ::setenv("HTTPS_PROXY", proxy, 1);
    Client reader(Reference::parse("registry.invalid/a"), options());
    const Error error = failure([&] { static_cast<void>(reader.list_tags(std::nullopt, {})); });
    ::unsetenv("HTTPS_PROXY");
    const std::string said = error.what();
    EXPECT_EQ(said.find("secret"), std::string::npos) << said;
    EXPECT_NE(said.find("through the proxy"), std::string::npos) << said;
  }
}

TEST_F(ClientTest, RefusesAHeadWithoutEnd) {
  Response endless{.body = "{}"};
  for (int i = 0; i < 400; ++i) endless.fields.emplace_back("X", std::string(1000, 'x'));
  fake.on("/v2/", endless);
  EXPECT_EQ(resolve_failure(), Errc::too_large);
}

}  // namespace
}  // namespace digestfs::registry
