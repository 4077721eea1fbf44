// SPDX-License-Identifier: Apache-2.0
#pragma once

// Who we are to a registry, and that nobody else learns it (reference 11.1, 11.2). The names of
// registry, token server and CDN are three ports, which is as far apart as hosts are (EP-8).

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/base64.h"
#include "base/text.h"
#include "tests/registry/host/client_fixture.h"
#include "tests/support/mounted.h"

namespace digestfs::registry {

inline const std::string kBasic = "Basic " + encode_base64("me:secret");

/// `docker-credential-keeps`, the first in the PATH for as long as it lives.
class Helper {
 public:
  Helper() : path_(std::getenv("PATH")) {
    ::setenv("PATH", str_cat(directory_.path().native(), ":", path_).c_str(), 1);
  }
  ~Helper() { ::setenv("PATH", path_.c_str(), 1); }
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;

  void keep(const std::string& user, const std::string& password) const {
    run(str_cat("echo '{\"Username\":\"", user, "\",\"Secret\":\"", password, "\"}'"));
  }
  void run(const std::string& script) const {
    const auto program = directory_.path() / "docker-credential-keeps";
    std::ofstream(program) << "#!/bin/sh\n" << script << "\n";
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  }

 private:
  const test::TemporaryDirectory directory_;
  const std::string path_;
};

class LoginTest : public ClientTest {
 protected:
  LoginTest() { fake.tag("t", fake.add_manifest(kManifest, kOci).digest); }

  /// The registry answers who sends `authorization`, and challenges the rest.
  void require(const std::string& authorization, const std::string& challenge) {
    fake.on([=](const Request& request) -> std::optional<Response> {
      if (request.field("Authorization") == authorization) return std::nullopt;
      return Response{.status = 401, .fields = {{"WWW-Authenticate", challenge}}};
    });
  }

  /// The registry limits everybody for hours but `me`, whose requests fail `failures` times.
  void limit_all_but_me(std::atomic<int>& failures, const Response& failing) {
    fake.on([&](const Request& request) -> std::optional<Response> {
      if (request.field("Authorization") == kBasic) {
        return failures-- > 0 ? std::optional(failing) : std::nullopt;
      }
      if (request.path() == "/v2/") {
        return Response{.status = 401, .fields = {{"WWW-Authenticate", "Basic realm=\"x\""}}};
      }
      return Response{.status = 429, .fields = {{"Retry-After", "21600"}}};
    });
  }

  [[nodiscard]] std::string bearer(const std::string& more = "") const {
    return str_cat("Bearer realm=\"http://", tokens.address(), "/token\",service=\"s\"", more);
  }

  void serve_token(const Response& response) { tokens.on("/token", response); }

  /// A client whose credentials are those of this file.
  [[nodiscard]] Client client_with_file(const std::string& entry) const {
    const auto path = directory.path() / "auth.json";
    std::ofstream(path) << R"({"auths":{")" << fake.address() << "\":" << entry << "}}";
    ClientOptions given = options();
    given.credentials.file = path;
    return {Reference::parse(fake.source()), given};
  }

  /// The same as after a login; `account` is `USER:PASSWORD`.
  [[nodiscard]] Client login(const std::string& account) const {
    return client_with_file(str_cat(R"({"auth":")", encode_base64(account), "\"}"));
  }

  /// A client that asks the helper `keeps`, again at once where that makes sense.
  [[nodiscard]] Client client_with_helper() const {
    const auto path = directory.path() / "auth.json";
    std::ofstream(path) << R"({"credsStore":"keeps"})";
    ClientOptions given = options();
    given.credentials.file = path;
    given.credentials.helper_pause = 0ms;
    return {Reference::parse(fake.source()), given};
  }

  [[nodiscard]] Error refusal(Client reader) const {
    return failure([&] { static_cast<void>(reader.resolve("t", {})); });
  }

  [[nodiscard]] static std::vector<std::string> authorizations(const FakeRegistry& of) {
    std::vector<std::string> all;
    for (const Request& request : of.requests()) {
      const std::string field = request.field("Authorization");
      if (!field.empty()) all.push_back(field);
    }
    return all;
  }

  FakeRegistry tokens;
  test::TemporaryDirectory directory;
};

}  // namespace digestfs::registry
