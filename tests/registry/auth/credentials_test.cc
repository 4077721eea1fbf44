// SPDX-License-Identifier: Apache-2.0
#include "registry/auth/credentials.h"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/text.h"
#include "registry/auth/credential_helper.h"
#include "tests/support/mounted.h"

namespace digestfs::registry {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

const Reference kRepository = Reference::parse("h.example/a/b");

class CredentialsTest : public testing::Test {
 protected:
  CredentialsTest() : path_(std::getenv("PATH")) {
    for (const char* folder : {"bin", "run/containers", "config/containers", "docker", "home"}) {
      fs::create_directories(root_ / folder);
    }
    ::setenv("PATH", str_cat((root_ / "bin").native(), ":", path_).c_str(), 1);
    environment_ = {{"HOME", root_ / "home"},
                    {"XDG_RUNTIME_DIR", root_ / "run"},
                    {"XDG_CONFIG_HOME", root_ / "config"},
                    {"DOCKER_CONFIG", root_ / "docker"}};
  }
  ~CredentialsTest() override { ::setenv("PATH", path_.c_str(), 1); }

  void write(const fs::path& file, const std::string& text) const {
    std::ofstream(root_ / file) << text;
  }

  /// A file with `user` for the host.
  void log_in(const fs::path& file, const std::string& user) const {
    write(file, str_cat(R"({"auths":{"h.example":{"auth":")", encode_base64(user + ":p"), "\"}}}"));
  }

  /// `docker-credential-test`, a shell script.
  void set_helper(const std::string& script) const {
    const fs::path file = root_ / "bin/docker-credential-test";
    std::ofstream(file) << "#!/bin/sh\n" << script << "\n";
    fs::permissions(file, fs::perms::owner_all);
  }

  [[nodiscard]] Credentials credentials(std::chrono::milliseconds limit = 30s) const {
    return Credentials({.file = file_,
                        .environment =
                            [this](const char* name) {
                              const auto at = environment_.find(name);
                              return at == environment_.end() ? std::string() : at->second;
                            },
                        .helper_limit = limit,
                        .helper_memory = memory_,
                        .helper_pause = pause_});
  }

  /// Who is found; empty where nobody is.
  [[nodiscard]] std::string user() const {
    const auto credential = credentials().find(kRepository, {});
    return credential ? credential->user : "";
  }

  [[nodiscard]] std::string refusal(std::chrono::milliseconds limit = 30s,
                                    Errc code = Errc::denied) const {
    try {
      static_cast<void>(credentials(limit).find(kRepository, {}));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code);
      return error.what();
    }
    ADD_FAILURE() << "it went well";
    return {};
  }

  test::TemporaryDirectory directory_;
  fs::path root_ = directory_.path();
  std::map<std::string, std::string> environment_;
  std::optional<fs::path> file_;
  std::chrono::milliseconds memory_ = 1h;
  std::chrono::milliseconds pause_ = 5s;

 private:
  std::string path_;
};

TEST_F(CredentialsTest, AreLookedForInPlaceAfterPlace) {  // CRED-1
  EXPECT_EQ(user(), "");
  write("home/.dockercfg", str_cat(R"({"h.example":{"auth":")", encode_base64("old:p"), "\"}}"));
  EXPECT_EQ(user(), "old");
  log_in("docker/config.json", "docker");
  EXPECT_EQ(user(), "docker");
  log_in("config/containers/auth.json", "config");
  EXPECT_EQ(user(), "config");
  // A file that has nothing for the host is passed over.
  write("run/containers/auth.json", R"({"auths":{"i.example":{"auth":"dTpw"}}})");
  EXPECT_EQ(user(), "config");
  log_in("run/containers/auth.json", "run");
  EXPECT_EQ(user(), "run");
  EXPECT_EQ(credentials().find(kRepository, {})->from,
            (root_ / "run/containers/auth.json").native());
  environment_["DOCKER_AUTH_CONFIG"] =
      str_cat(R"({"auths":{"h.example":{"auth":")", encode_base64("variable:p"), "\"}}}");
  EXPECT_EQ(user(), "variable");
}

TEST_F(CredentialsTest, AreOfTheOneFileThatIsNamed) {
  log_in("run/containers/auth.json", "run");
  log_in("named.json", "named");
  log_in("variable.json", "variable");
  environment_["REGISTRY_AUTH_FILE"] = root_ / "variable.json";
  EXPECT_EQ(user(), "variable");
  environment_["DOCKER_AUTH_CONFIG"] =
      str_cat(R"({"auths":{"h.example":{"auth":")", encode_base64("docker:p"), "\"}}}");
  EXPECT_EQ(user(), "variable");
  file_ = root_ / "named.json";
  EXPECT_EQ(user(), "named");
  write("named.json", "{}");
  EXPECT_EQ(user(), "") << "the others are not consulted";
  file_ = root_ / "missing.json";
  EXPECT_NE(refusal().find("missing.json"), std::string::npos);
}

TEST_F(CredentialsTest, SayWhoNamesAFileThatIsNotThere) {  // CRED-1
  const std::string gone = (root_ / "gone.json").native();
  environment_["REGISTRY_AUTH_FILE"] = gone;
  EXPECT_EQ(refusal(), str_cat("cannot read credentials from ", gone,
                               ", which REGISTRY_AUTH_FILE names: No such file or directory"));
  file_ = gone;
  EXPECT_EQ(refusal(), str_cat("cannot read credentials from ", gone,
                               ", which --authfile names: No such file or directory"));
}

TEST_F(CredentialsTest, FailWhereAFileIsBroken) {  // CRED-4
  write("run/containers/auth.json", R"({"auths":{"h.example":{"auth":"c2VjcmV0OnNlY3JldA")");
  const std::string message = refusal();
  EXPECT_NE(message.find("run/containers/auth.json"), std::string::npos) << message;
  EXPECT_EQ(message.find("c2Vj"), std::string::npos) << message;
}

TEST_F(CredentialsTest, FailWhereTheVariableIsBroken) {  // CRED-4
  environment_["DOCKER_AUTH_CONFIG"] = R"({"auths":{"h.example":{"auth":"c2VjcmV0OnNlY3JldA")";
  const std::string message = refusal();
  EXPECT_NE(message.find("$DOCKER_AUTH_CONFIG"), std::string::npos) << message;
  EXPECT_EQ(message.find("c2Vj"), std::string::npos) << message;
}

TEST_F(CredentialsTest, AreFoundFromAnotherWorkingDirectoryToo) {  // a daemon's is /
  log_in("named.json", "named");
  const fs::path before = fs::current_path();
  fs::current_path(root_);
  environment_["REGISTRY_AUTH_FILE"] = "named.json";
  auto kept = credentials();
  fs::current_path("/");
  EXPECT_EQ(kept.find(kRepository, {})->user, "named");
  fs::current_path(before);
}

TEST_F(CredentialsTest, AreReadAgainWhenAFileChanges) {  // CRED-8
  auto kept = credentials();
  EXPECT_FALSE(kept.find(kRepository, {}));
  log_in("run/containers/auth.json", "first");
  EXPECT_EQ(kept.find(kRepository, {})->user, "first");
  log_in("run/containers/auth.json", "the second");
  EXPECT_EQ(kept.find(kRepository, {})->user, "the second");
  fs::remove(root_ / "run/containers/auth.json");
  EXPECT_FALSE(kept.find(kRepository, {}));
}

TEST_F(CredentialsTest, A15ComeFromAHelper) {  // CRED-5
  write("docker/config.json", R"({"auths":{"h.example":{}},"credsStore":"test"})");
  set_helper(str_cat("[ \"$1\" = get ] || exit 1\nread -r server || true\necho \"$server\" >>",
                     (root_ / "asked").native(),
                     "\necho '{\"ServerURL\":\"x\",\"Username\":\"u\",\"Secret\":\"p\"}'"));
  auto kept = credentials();
  const auto credential = kept.find(kRepository, {});
  ASSERT_TRUE(credential);
  EXPECT_EQ(credential->user + ":" + credential->password, "u:p");
  EXPECT_NE(credential->from.find("docker-credential-test"), std::string::npos);
  EXPECT_NE(credential->from.find("config.json"), std::string::npos);
  EXPECT_TRUE(kept.find(kRepository, {}));
  EXPECT_EQ(test::slurp((root_ / "asked").native()), "h.example\n") << "asked once";
  kept.forget();
  EXPECT_TRUE(kept.find(kRepository, {}));
  EXPECT_EQ(test::slurp((root_ / "asked").native()), "h.example\n") << "it has just said so";
}

TEST_F(CredentialsTest, A15ComeAnewFromAHelperWhereTheyWereRefused) {  // CRED-5, CRED-8
  pause_ = 0ms;
  write("docker/config.json", R"({"credsStore":"test"})");
  for (const std::string says : {"echo '{\"Username\":\"u\",\"Secret\":\"p\"}'",
                                 "echo 'credentials not found in native keychain'; exit 1"}) {
    set_helper(str_cat("echo x >>", (root_ / "asked").native(), "\n", says));
    fs::remove(root_ / "asked");
    auto kept = credentials();
    static_cast<void>(kept.find(kRepository, {}));
    static_cast<void>(kept.find(kRepository, {}));
    EXPECT_EQ(test::slurp((root_ / "asked").native()), "x\n") << says;
    kept.forget();
    static_cast<void>(kept.find(kRepository, {}));
    static_cast<void>(kept.find(kRepository, {}));
    EXPECT_EQ(test::slurp((root_ / "asked").native()), "x\nx\n") << says;
  }
}

TEST_F(CredentialsTest, A15ComeAnewOnRequestAndStayWhereAHelperThenFails) {  // CRED-8
  pause_ = 0ms;
  write("docker/config.json", R"({"credsStore":"test"})");
  set_helper("echo '{\"Username\":\"u\",\"Secret\":\"p\"}'");
  auto kept = credentials();
  EXPECT_EQ(kept.find(kRepository, {})->user, "u");
  set_helper("echo '{\"Username\":\"v\",\"Secret\":\"p\"}'");
  EXPECT_EQ(kept.find(kRepository, {})->user, "u") << "it is believed for an hour";
  kept.reread();
  EXPECT_EQ(kept.find(kRepository, {})->user, "v");
  set_helper("echo 'no network'; exit 1");
  kept.reread();
  EXPECT_EQ(kept.find(kRepository, {})->user, "v");
}

TEST_F(CredentialsTest, A15AreWhatAHelperSaidBeforeItFailed) {  // it may want the network
  pause_ = 0ms;
  memory_ = 0ms;
  write("docker/config.json", R"({"credsStore":"test"})");
  set_helper("echo '{\"Username\":\"u\",\"Secret\":\"p\"}'");
  auto kept = credentials();
  EXPECT_EQ(kept.find(kRepository, {})->user, "u");
  set_helper("echo 'no network'; exit 1");
  EXPECT_EQ(kept.find(kRepository, {})->user, "u");
  EXPECT_EQ(kept.find(kRepository, {})->user, "u");
  kept.forget();  // it was refused
  EXPECT_THROW(static_cast<void>(kept.find(kRepository, {})), Error);
}

TEST_F(CredentialsTest, A15AreAskedForOnceHoweverOftenTheyAreRefusedMeanwhile) {  // CRED-5
  write("docker/config.json", R"({"credsStore":"test"})");
  set_helper(str_cat("echo x >>", (root_ / "asked").native(),
                     "\nsleep 0.2\necho '{\"Username\":\"u\",\"Secret\":\"p\"}'"));
  auto kept = credentials();
  std::vector<std::jthread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] {
      EXPECT_TRUE(kept.find(kRepository, {}));
      kept.forget();
      EXPECT_TRUE(kept.find(kRepository, {}));
    });
  }
  threads.clear();
  EXPECT_EQ(test::slurp((root_ / "asked").native()), "x\n");
}

TEST_F(CredentialsTest, A13OfAHelperMayBeAnIdentityToken) {
  write("docker/config.json", R"({"credHelpers":{"h.example":"test"}})");
  set_helper(R"(echo '{"Username":"<token>","Secret":"id"}')");
  const auto credential = credentials().find(kRepository, {});
  ASSERT_TRUE(credential);
  EXPECT_EQ(credential->identity_token, "id");
  EXPECT_EQ(credential->user, "");
}

TEST_F(CredentialsTest, A15AreNoneWhereTheHelperHasNone) {
  write("docker/config.json", R"({"credsStore":"test"})");
  set_helper("echo 'credentials not found in native keychain'; exit 1");
  EXPECT_EQ(user(), "");
}

TEST_F(CredentialsTest, A15FailWhereTheHelperDoes) {
  write("docker/config.json", R"({"credsStore":"test"})");
  EXPECT_NE(refusal().find("docker-credential-test"), std::string::npos) << "it is missing";
  set_helper("echo 'the keyring is locked'; exit 1");
  EXPECT_NE(refusal().find("the keyring is locked"), std::string::npos);
  set_helper("echo '{\"Secret\":\"swordfish\"'");
  EXPECT_EQ(refusal().find("swordfish"), std::string::npos);
  set_helper("echo '{\"Username\":\"u\",\"Secret\":\"\"}'");
  EXPECT_NE(refusal().find("without a secret"), std::string::npos);
  set_helper("head -c 2000000 /dev/zero");
  EXPECT_NE(refusal().find("more than an answer"), std::string::npos);
  write("docker/config.json", R"({"credsStore":"../../bin/sh"})");
  EXPECT_NE(refusal().find("is none"), std::string::npos);
}

TEST_F(CredentialsTest, A15DoNotWaitForAHelperForEver) {
  write("docker/config.json", R"({"credsStore":"test"})");
  set_helper("sleep 1000 & sleep 1000");
  EXPECT_NE(refusal(200ms, Errc::timed_out).find("in time"), std::string::npos);
}

TEST_F(CredentialsTest, A15DoNotWaitForWhatAHelperLeavesRunning) {
  write("docker/config.json", R"({"credsStore":"test"})");
  // It has said that it is done, and is not.
  set_helper("exec >&-; sleep 1000");
  EXPECT_NE(refusal(200ms, Errc::timed_out).find("in time"), std::string::npos);
  // It is done, and something else holds what it wrote to.
  set_helper(str_cat("sleep 1000 & echo $! >", (root_ / "left").native(),
                     "\necho '{\"Username\":\"u\",\"Secret\":\"p\"}'"));
  EXPECT_EQ(user(), "u");
  const int left = std::stoi(test::slurp((root_ / "left").native()));
  const auto is_gone = [&] {  // or waits to be collected by whoever inherited it
    std::ifstream stat(str_cat("/proc/", left, "/stat"));
    std::string id;
    std::string name;
    std::string state;
    return !(stat >> id >> name >> state) || state == "Z";
  };
  const auto limit = std::chrono::steady_clock::now() + 20s;
  while (!is_gone() && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
  EXPECT_TRUE(is_gone());
}

TEST_F(CredentialsTest, A15AskAHelperOnceHoweverManyWant) {
  write("docker/config.json", R"({"credsStore":"test"})");
  const std::string log = (root_ / "asked").native();
  set_helper(str_cat("echo >>", log, "\nsleep 0.3\necho 'the keyring is locked'; exit 1"));
  auto kept = credentials();
  std::atomic<int> refused = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        try {
          static_cast<void>(kept.find(kRepository, {}));
        } catch (const Error& error) {
          if (error.code() == Errc::denied) ++refused;
        }
      });
    }
  }
  EXPECT_EQ(refused, 8);
  EXPECT_THROW(static_cast<void>(kept.find(kRepository, {})), Error);
  EXPECT_EQ(test::slurp(log), "\n");
}

TEST_F(CredentialsTest, LeaveAHelperNoneOfOurFiles) {  // CRED-5
  write("docker/config.json", R"({"credsStore":"test"})");
  const int ours = ::fcntl(0, F_DUPFD, 50);
  set_helper(
      "echo \"{\\\"Username\\\":\\\"$(ls /proc/$$/fd | tr '\\n' ' ')\\\",\\\"Secret\\\":"
      "\\\"p\\\"}\"");
  const std::string files = user();
  EXPECT_EQ((" " + files).find(str_cat(" ", ours, " ")), std::string::npos) << files;
  ::close(ours);
}

TEST_F(CredentialsTest, ThatAreGivenAreTheOnlyOnes) {
  log_in("run/containers/auth.json", "run");
  Credentials given({.given = "me:a:b"});
  EXPECT_EQ(given.find(kRepository, {})->user, "me");
  EXPECT_EQ(given.find(kRepository, {})->password, "a:b");
}

}  // namespace
}  // namespace digestfs::registry
