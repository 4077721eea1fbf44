// SPDX-License-Identifier: Apache-2.0
#include "registry/auth/auth_file.h"

#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/text.h"

namespace digestfs::registry {
namespace {

using namespace std::string_literals;

std::string entry(const std::string& key, const std::string& user_and_password) {
  return str_cat("\"", key, "\":{\"auth\":\"", encode_base64(user_and_password), "\"}");
}

AuthFile file_of(const std::string& entries) {
  return AuthFile::parse(str_cat("{\"auths\":{", entries, "}}"));
}

/// `user:password` of what the file has for a repository; empty where it has nothing.
std::string found(const AuthFile& file, const char* repository) {
  const auto credential = file.find(Reference::parse(repository));
  return credential ? str_cat(credential->user, ":", credential->password) : "";
}

TEST(AuthFile, A14HasTheMostSpecificKeyFirst) {  // CRED-2
  const AuthFile file =
      file_of(entry("h.example", "host:1") + "," + entry("h.example/a", "a:2") + "," +
              entry("h.example/a/b", "ab:3") + "," + entry("https://i.example/v1/", "url:4"));
  EXPECT_EQ(found(file, "h.example/a/b"), "ab:3");
  EXPECT_EQ(found(file, "h.example/a/c"), "a:2");
  EXPECT_EQ(found(file, "h.example/ab/c"), "host:1");
  EXPECT_EQ(found(file, "i.example/a"), "url:4");
  EXPECT_EQ(found(file, "h.example:5000/a"), "");
  EXPECT_EQ(found(file, "j.example/a"), "");
}

TEST(AuthFile, KnowsTheNamesOfDockerHub) {  // REF-5, CRED-2
  for (const char* key : {"https://index.docker.io/v1/", "docker.io", "index.docker.io",
                          "registry-1.docker.io", "docker.io/library"}) {
    EXPECT_EQ(found(file_of(entry(key, "u:p")), "alpine"), "u:p") << key;
  }
  EXPECT_EQ(found(file_of(entry("https://index.docker.io/v1/", "u:p")), "quay.io/a/b"), "");
  EXPECT_EQ(found(file_of(entry("docker.io/other", "u:p")), "alpine"), "");
}

TEST(AuthFile, A16TakesPasswordsAsTheyAre) {  // CRED-3
  EXPECT_EQ(found(file_of(entry("h.example", "u:a:b:")), "h.example/x"), "u:a:b:");
  EXPECT_EQ(found(file_of(entry("h.example", "u:p\0\0"s)), "h.example/x"), "u:p");
  EXPECT_EQ(found(file_of(R"("h.example":{"auth":"dTpw"})"), "h.example/x"), "u:p");
  EXPECT_EQ(found(file_of(R"("h.example":{"auth":"dTpwdw"})"), "h.example/x"), "u:pw");
  EXPECT_EQ(found(file_of(R"("h.example":{"username":"u","password":"p"})"), "h.example/x"), "u:p");
}

TEST(AuthFile, A16SkipsAnEntryThatMakesNoSense) {
  const AuthFile file =
      file_of(entry("good.example", "u:p") +
              R"(,"a.example":{"auth":"!"},"b.example":{"auth":"bm9jb2xvbg=="},"c.example":7,)" +
              R"("d.example":{"registrytoken":"r\r\nX: y"})");
  EXPECT_EQ(found(file, "good.example/x"), "u:p");
  for (const char* host : {"a.example/x", "b.example/x", "c.example/x", "d.example/x"}) {
    EXPECT_EQ(found(file, host), "") << host;
  }
  EXPECT_EQ(file.skipped().size(), 4U);
}

TEST(AuthFile, A16TakesPasswordsAndEncodingsOfMoreThanOneLine) {  // CRED-3
  // What `docker login -u _json_key --password-stdin <key.json` leaves.
  const std::string key = "{\n  \"type\": \"service_account\"\n}\n";
  EXPECT_EQ(found(file_of(entry("gcr.example", "_json_key:" + key)), "gcr.example/x"),
            "_json_key:" + key);
  EXPECT_EQ(found(file_of(R"("h.example":{"auth":"dTpw\nYXNz\r\nd29yZA=="})"), "h.example/x"),
            "u:password");
}

TEST(AuthFile, HasTokens) {  // AUTH-9, AUTH-15
  const AuthFile file = file_of(
      R"("a.example":{"identitytoken":"id","auth":"dTo="},"b.example":{"registrytoken":"r"})");
  EXPECT_EQ(file.find(Reference::parse("a.example/x"))->identity_token, "id");
  EXPECT_EQ(file.find(Reference::parse("a.example/x"))->user, "u");
  EXPECT_EQ(file.find(Reference::parse("b.example/x"))->registry_token, "r");
}

TEST(AuthFile, A15NamesTheHelperOfAHost) {  // CRED-2, CRED-5
  const AuthFile file = AuthFile::parse(
      R"({"credsStore":"all","credHelpers":{"one.example:5000":"one","docker.io":"hub"}})");
  const auto one = file.helper_for(Reference::parse("one.example:5000/x"));
  ASSERT_TRUE(one);
  EXPECT_EQ(one->name, "one");
  EXPECT_TRUE(one->is_final);
  EXPECT_EQ(one->servers, std::vector<std::string>{"one.example:5000"});
  const auto hub = file.helper_for(Reference::parse("alpine"));
  EXPECT_EQ(hub->name, "hub");
  EXPECT_EQ(hub->servers, (std::vector<std::string>{"https://index.docker.io/v1/", "docker.io"}));
  const auto other = file.helper_for(Reference::parse("one.example/x"));
  EXPECT_EQ(other->name, "all");
  EXPECT_FALSE(other->is_final);
  EXPECT_FALSE(file_of("").helper_for(Reference::parse("alpine")));
  // A helper is for a registry, and one without a name is the file itself.
  const AuthFile odd = AuthFile::parse(
      R"({"credHelpers":{"h.example/team":"x","https://i.example/v1/":"i","j.example":""}})");
  EXPECT_FALSE(odd.helper_for(Reference::parse("h.example/team/a")));
  EXPECT_EQ(odd.helper_for(Reference::parse("i.example/a"))->name, "i");
  EXPECT_FALSE(odd.helper_for(Reference::parse("j.example/a")));
  // A marker of what a helper keeps is no credential.
  EXPECT_EQ(found(file_of(R"("h.example":{})"), "h.example/x"), "");
}

TEST(AuthFile, MayBeEmptyButNotBroken) {  // CRED-4
  for (const char* text : {"", " \n", "{}", R"({"auths":null})", R"({"auths":[]})"}) {
    EXPECT_EQ(found(AuthFile::parse(text), "h.example/x"), "") << text;
  }
  for (const char* text : {"{", "[]", "secret", R"({"auths":{"h":{"auth":"c2VjcmV0"}})"}) {
    try {
      static_cast<void>(AuthFile::parse(text));
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::corrupt);
      EXPECT_EQ(std::string(error.what()).find("c2VjcmV0"), std::string::npos) << error.what();
    }
  }
}

TEST(AuthFile, OfOldHasNoWrapping) {
  const AuthFile file =
      AuthFile::parse("{" + entry("h.example", "u:p") + "}", AuthFile::Form::legacy);
  EXPECT_EQ(found(file, "h.example/x"), "u:p");
}

}  // namespace
}  // namespace digestfs::registry
