// SPDX-License-Identifier: Apache-2.0
#include "registry/credentials.h"

#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "registry/credential_helper.h"

namespace digestfs::registry {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kMaxFile = std::uintmax_t{4} << 20U;
// Some helpers hand out what lives for hours; a mount lives longer (CRED-5).
constexpr std::chrono::hours kHelperMemory{1};

constexpr const char* kDockerVariable = "DOCKER_AUTH_CONFIG";

}  // namespace

Credentials::Credentials(Reference repository, CredentialOptions options)
    : repository_(std::move(repository)), options_(std::move(options)) {
  const auto variable = [this](const char* name) {
    return options_.environment ? options_.environment(name) : std::string();
  };
  if (options_.file) {
    places_.push_back({.path = *options_.file, .must_exist = true});
    return;
  }
  if (const std::string file = variable("REGISTRY_AUTH_FILE"); !file.empty()) {
    places_.push_back({.path = file, .must_exist = true});
    return;
  }
  const std::string home = variable("HOME");
  const std::string runtime = variable("XDG_RUNTIME_DIR");
  places_.push_back({.path = runtime.empty()
                                 ? fs::path(str_cat("/run/containers/", ::getuid(), "/auth.json"))
                                 : fs::path(runtime) / "containers/auth.json"});
  const std::string config = variable("XDG_CONFIG_HOME");
  if (!config.empty() || !home.empty()) {
    places_.push_back({.path = (config.empty() ? fs::path(home) / ".config" : fs::path(config)) /
                               "containers/auth.json"});
  }
  const std::string docker = variable("DOCKER_CONFIG");
  if (!docker.empty() || !home.empty()) {
    places_.push_back(
        {.path = (docker.empty() ? fs::path(home) / ".docker" : fs::path(docker)) / "config.json"});
  }
  if (!home.empty()) {
    places_.push_back({.path = fs::path(home) / ".dockercfg", .form = AuthFile::Form::legacy});
  }
}

std::optional<Credential> Credentials::find(const std::stop_token& stop) {
  if (options_.given) {
    const auto colon = options_.given->find(':');
    Credential credential{.user = options_.given->substr(0, colon),
                          .password = {},
                          .identity_token = {},
                          .registry_token = {},
                          .from = "--creds"};
    if (colon != std::string::npos) credential.password = options_.given->substr(colon + 1);
    return credential;
  }
  if (!options_.file && options_.environment) {
    if (const std::string text = options_.environment(kDockerVariable); !text.empty()) {
      if (auto found = find_in(AuthFile::parse(text), str_cat("$", kDockerVariable), stop)) {
        return found;
      }
    }
  }
  for (const Place& place : places_) {
    const auto file = read(place);
    if (!file) continue;
    if (auto found = find_in(*file, place.path.native(), stop)) return found;
  }
  return std::nullopt;
}

std::optional<AuthFile> Credentials::read(const Place& place) {
  const std::string& name = place.path.native();
  std::error_code problem;
  const auto size = fs::file_size(place.path, problem);
  const auto modified = problem ? fs::file_time_type() : fs::last_write_time(place.path, problem);
  if (problem) {
    if (place.must_exist) {
      throw Error(Errc::denied,
                  str_cat("cannot read credentials from ", name, ": ", problem.message()));
    }
    DIGESTFS_LOG(debug, "no credentials there file=", name, " cause=", problem.message());
    return std::nullopt;
  }
  {
    const auto state = state_.lock();
    const auto at = state->files.find(name);
    if (at != state->files.end() && at->second.modified == modified && at->second.size == size) {
      return at->second.file;
    }
  }
  std::ifstream stream(place.path, std::ios::binary);
  std::ostringstream text;
  if (size <= kMaxFile && stream) text << stream.rdbuf();
  if (size > kMaxFile || !stream) {
    if (place.must_exist) throw Error(Errc::denied, str_cat("cannot read credentials from ", name));
    DIGESTFS_LOG(debug, "cannot read credentials file=", name);
    return std::nullopt;
  }
  try {
    AuthFile file = AuthFile::parse(text.str(), place.form);
    for (const std::string& key : file.skipped()) {
      DIGESTFS_LOG(warning, "an entry of a file of credentials makes no sense file=", name,
                   " key=", key);
    }
    state_.lock()->files[name] = {modified, size, file};
    return file;
  } catch (const Error& error) {
    throw Error(Errc::denied, str_cat("cannot read credentials from ", name, ": ", error.what()));
  }
}

std::optional<Credential> Credentials::find_in(const AuthFile& file, const std::string& where,
                                               const std::stop_token& stop) {
  const auto helper = file.helper_for(repository_);
  const auto ask_it = [&]() -> std::optional<Credential> {
    for (const std::string& server : helper->servers) {
      try {
        if (auto credential = ask(helper->name, server, stop)) {
          credential->from = str_cat(credential->from, " (of ", where, ")");
          return credential;
        }
      } catch (const Error& error) {
        if (error.code() == Errc::interrupted) throw;
        throw Error(error.code(), str_cat(error.what(), "; ", where, " names it"));
      }
    }
    return std::nullopt;
  };
  if (helper && helper->is_final) return ask_it();
  if (auto credential = file.find(repository_)) {
    credential->from = where;
    return credential;
  }
  return helper ? ask_it() : std::nullopt;
}

std::optional<Credential> Credentials::ask(const std::string& helper, const std::string& server,
                                           const std::stop_token& stop) {
  const std::string key = str_cat(helper, " ", server);
  {
    const auto state = state_.lock();
    const auto at = state->helpers.find(key);
    if (at != state->helpers.end() && Clock::now() < at->second.believed_until) {
      return at->second.credential;
    }
  }
  auto credential = ask_helper(helper, server, stop, options_.helper_limit);
  state_.lock()->helpers[key] = {credential, Clock::now() + kHelperMemory};
  return credential;
}

void Credentials::forget() { state_.lock()->helpers.clear(); }

std::string Credentials::places() const {
  std::string text;
  for (const Place& place : places_) {
    if (!text.empty()) text += ", ";
    text += place.path.native();
  }
  return text;
}

}  // namespace digestfs::registry
