// SPDX-License-Identifier: Apache-2.0
#include "tests/mount/world.h"

#include <algorithm>
#include <fstream>
#include <memory>
#include <utility>

#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/text.h"

namespace digestfs::test {
namespace {

void write_file(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path) << text;
}

}  // namespace

const std::string World::kPassword = "hunter2-is-secret";
const std::string World::kBasic = encode_base64("me:" + kPassword);
const std::string World::kToken = "token-is-secret-";
const std::string World::kSignature = "signature-is-secret";

World::World(Transport transport, const std::string& host)
    : registry(transport, "test/repo", host), tokens(transport, "test/repo", host) {
  set.tag("known", image.manifest);
  set.tag("t", other.manifest);
  registry.add(set);
  registry.set_page_size(1);
  for (const char* folder : {"bin", "certs"}) {
    std::filesystem::create_directory(directory.path() / folder);
  }
  heal();
}

void World::heal() {
  for (FakeRegistry* server : {&registry, &tokens, &cdn}) server->clear_handlers();
  registry.release();
  keep_login(str_cat(R"({"auth":")", kBasic, "\"}"));
  registry.on([this](const Received& request) -> std::optional<Response> {
    if (is_authorised(request)) return std::nullopt;
    return refusal(bearer());
  });
  tokens.on([this](const Received& request) -> std::optional<Response> {
    if (request.field("Authorization") != "Basic " + kBasic) return Response{.status = 401};
    return token_response();
  });
}

std::string World::realm() const {
  return str_cat(tokens.is_encrypted() ? "https" : "http", "://", tokens.address(), "/token");
}

std::string World::bearer(const std::string& more) const {
  return str_cat("Bearer realm=\"", realm(), "\",service=\"s\"", more);
}

World::Response World::refusal(const std::string& challenge) {
  return {.status = 401, .fields = {{"WWW-Authenticate", challenge}}};
}

World::Response World::token_response() const {
  return {.body = str_cat(R"({"token":")", token(), R"(","expires_in":300})")};
}

void World::write_authfile(const std::string& json) const {
  write_file(directory.path() / "auth.json", json);
}

void World::keep_login(const std::string& entry) const {
  write_authfile(str_cat(R"({"auths":{")", registry.address(), "\":", entry, "}}"));
}

void World::write_helper(const std::string& script) const {
  const auto path = directory.path() / "bin/docker-credential-test";
  write_file(path, "#!/bin/sh\n" + script);
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
}

void World::want_login(const std::string& user_and_password) {
  const std::string basic = encode_base64(user_and_password);
  secrets.push_back(basic);
  secrets.push_back(user_and_password.substr(user_and_password.find(':') + 1));
  tokens.on([this, basic](const Received& request) -> std::optional<Response> {
    if (request.field("Authorization") != "Basic " + basic) return Response{.status = 401};
    return token_response();
  });
}

void World::challenge(const Response& response) {
  registry.on([this, response](const Received& request) -> std::optional<Response> {
    return is_authorised(request) ? std::nullopt : std::optional(response);
  });
}

void World::answer(const std::string& prefix, Answer response) {
  registry.on([this, prefix = registry.path(prefix),
               response = std::move(response)](const Received& request) -> std::optional<Response> {
    if (!is_authorised(request) || !request.path().starts_with(prefix)) return std::nullopt;
    return response(request);
  });
}

void World::answer(const std::string& prefix, const Response& response) {
  answer(prefix, [response](const Received&) { return response; });
}

void World::blob_answer(const Response& response, int times) {
  auto left = std::make_shared<std::atomic<int>>(times);
  answer(victim_path(), [left, response](const Received&) {
    return (*left)-- > 0 ? std::optional(response) : std::nullopt;
  });
}

void World::resumed_answer(const Response& response) {
  answer(victim_path(), [this, response](const Received& request) {
    return request.field("Range").empty() && request.method == "GET" && first.exchange(false)
               ? std::optional(Response{.body = victim(), .cut = 100'000})
           : request.field("Range").empty() ? std::nullopt
                                            : std::optional(response);
  });
}

void World::redirect(const std::string& location, int status) {
  blob_answer({.status = status, .fields = {{"Location", location}}});
}

std::string World::on_cdn(const std::string& target) const {
  return str_cat("http://", cdn.address(), target);
}

registry::Descriptor World::push(const std::string& tag, const std::string& bytes,
                                 const std::string& media_type) {
  auto descriptor = registry.add_manifest(bytes, media_type);
  registry.tag(tag, descriptor.digest);
  return descriptor;
}

void World::push(const ObjectSet& more) { registry.add(more); }

std::size_t World::victim_requests() const {
  const std::string path = registry.path(victim_path());
  return registry.count("GET", path) + registry.count("HEAD", path);
}

void World::expect_no_secret(const std::string& text, const std::string& where) const {
  for (const std::string& secret : secrets) {
    EXPECT_EQ(text.find(secret), std::string::npos) << "I2 " << where << ":\n" << text;
  }
}

void World::expect_requests_are_harmless() const {
  const auto expect_without = [](const std::string& text, const std::string& never,
                                 const Received& request) {
    EXPECT_EQ(text.find(never), std::string::npos) << never << " in " << request.target;
  };
  // `own` are the secrets that a server is told, and no others.
  const auto expect_not_told = [&](const FakeRegistry& server,
                                   const std::vector<std::string>& own) {
    for (const Received& request : server.requests()) {
      std::string all = request.target + "\n" + request.body;
      for (const auto& [name, value] : request.fields) all += str_cat("\n", name, ": ", value);
      for (const std::string& secret : secrets) {
        if (std::ranges::count(own, secret) == 0) expect_without(all, secret, request);
      }
      for (const std::string& never : outcome.never_asked) {
        expect_without(request.target, never, request);
      }
    }
  };
  std::vector<std::string> logins = secrets;
  std::erase(logins, kToken);
  std::erase(logins, kSignature);
  expect_not_told(registry, {kToken});
  expect_not_told(tokens, logins);
  expect_not_told(cdn, {kSignature});
}

}  // namespace digestfs::test
