// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "registry/host/client.h"
#include "registry/image/media_type.h"
#include "tests/support/fake_registry.h"

namespace digestfs::registry {

/// A request for content, which is retried for longer than a question.
inline const Request kContent{.urgency = Urgency::content};

using test::FakeRegistry;
using Request = FakeRegistry::Request;
using Response = FakeRegistry::Response;
using namespace std::chrono_literals;

inline const std::string kManifest = R"({"schemaVersion":2,"config":{},"layers":[]})";
inline const std::string kOci(media_type::kOciManifest);

/// Keeps what it is sent.
class Collector final : public ObjectSink {
 public:
  void begin(const Beginning& beginning) override { beginnings.push_back(beginning); }
  void write(std::span<const std::byte> part) override { bytes += as_text(part); }

  std::vector<Beginning> beginnings;
  std::string bytes;
};

class ClientTest : public testing::Test {
 protected:
  [[nodiscard]] Client client(std::chrono::seconds stall = 5s) const {
    return {Reference::parse(fake.source()), options(stall)};
  }

  /// Who logs in as `credentials` says, `USER:PASSWORD`, and tries a failure again soon.
  [[nodiscard]] Client client_of(const std::string& credentials) const {
    ClientOptions given = options();
    given.credentials.given = credentials;
    return {Reference::parse(fake.source()), given};
  }

  [[nodiscard]] static ClientOptions options(std::chrono::seconds stall = 5s) {
    return {.stall = stall, .user_agent = "digestfs/test", .retries = {.first = 1ms, .most = 2ms}};
  }

  [[nodiscard]] std::string fetch(const Digest& digest, Endpoint endpoint = Endpoint::blobs,
                                  std::uint64_t offset = 0) {
    Collector sink;
    auto reader = client();
    reader.fetch(endpoint, digest, {.offset = offset}, sink, kContent);
    return sink.bytes;
  }

  /// The error that `work` fails with; fails the test where it goes well.
  static Error failure(const std::function<void()>& work) {
    try {
      work();
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "it went well";
    return {Errc::interrupted, "it went well"};
  }

  [[nodiscard]] Errc resolve_failure(std::chrono::seconds stall = 5s) const {
    return failure([&] {
             auto reader = client(stall);
             static_cast<void>(reader.resolve("t", {}));
           })
        .code();
  }

  FakeRegistry fake;
};

/// A registry that wants a token of its own token server.
class BearerTest : public ClientTest {
 protected:
  void require_token(const std::string& valid, const std::string& challenge_more = "") {
    fake.on([this, valid, challenge_more](const Request& request) -> std::optional<Response> {
      if (request.path() == "/token") return std::nullopt;
      if (request.field("Authorization") == "Bearer " + valid) return std::nullopt;
      return Response{.status = 401, .fields = {{"WWW-Authenticate", challenge(challenge_more)}}};
    });
  }

  [[nodiscard]] std::string challenge(const std::string& more = "") const {
    return str_cat("Bearer realm=\"http://", fake.address(), "/token\",service=\"s\"", more);
  }

  void serve_token(const std::string& body) {
    fake.on([body](const Request& request) -> std::optional<Response> {
      if (request.path() != "/token") return std::nullopt;
      return Response{.body = body};
    });
  }
};

}  // namespace digestfs::registry
