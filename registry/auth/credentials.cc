// SPDX-License-Identifier: Apache-2.0
#include "registry/auth/credentials.h"

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/handle.h"
#include "base/log.h"
#include "base/text.h"
#include "registry/auth/credential_helper.h"

namespace digestfs::registry {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMaxFile = std::int64_t{4} << 20U;
// For how long "no credential" is believed: a user may log in at any time.
constexpr std::chrono::minutes kNothingMemory{1};

constexpr const char* kDockerVariable = "DOCKER_AUTH_CONFIG";

/// Parses `text`, the content of `name`.
AuthFile parse(std::string_view text, AuthFile::Form form, const std::string& name) {
  try {
    AuthFile file = AuthFile::parse(text, form);
    for (const std::string& key : file.skipped()) {
      DIGESTFS_LOG(warning, "an entry of a file of credentials makes no sense file=", name,
                   " key=", key);
    }
    return file;
  } catch (const Error& error) {
    throw Error(Errc::denied, str_cat("cannot read credentials from ", name, ": ", error.what()));
  }
}

}  // namespace

Credentials::Credentials(CredentialOptions options) : options_(std::move(options)) {
  const auto variable = [this](const char* name) {
    return options_.environment ? options_.environment(name) : std::string();
  };
  constexpr const char* kVariable = "REGISTRY_AUTH_FILE";
  const std::string named = options_.file ? options_.file->native() : variable(kVariable);
  if (!named.empty()) {
    has_named_file_ = true;
    places_.push_back(
        {.path = fs::absolute(named), .named_by = options_.file ? "--authfile" : kVariable});
    return;
  }
  const std::string home = variable("HOME");
  const std::string runtime = variable("XDG_RUNTIME_DIR");
  if (std::error_code none; !runtime.empty() && !fs::exists(runtime, none)) {
    DIGESTFS_LOG(warning, "XDG_RUNTIME_DIR does not exist directory=", runtime);
  }
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
  // A daemon leaves its working directory.
  for (Place& place : places_) place.path = fs::absolute(place.path);
}

std::optional<Credential> Credentials::find(const Reference& repository,
                                            const std::stop_token& stop) {
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
  if (!has_named_file_ && options_.environment) {
    if (const std::string text = options_.environment(kDockerVariable); !text.empty()) {
      const std::string name = str_cat("$", kDockerVariable);
      if (auto found = find_in(repository, in_variable(text, name), name, stop)) return found;
    }
  }
  for (const Place& place : places_) {
    const auto file = read(place);
    if (!file) continue;
    if (auto found = find_in(repository, *file, place.path.native(), stop)) return found;
  }
  return std::nullopt;
}

/// Parses a variable once: it stays the same as long as the process lives.
AuthFile Credentials::in_variable(const std::string& text, const std::string& name) {
  if (const auto known = *variable_.lock()) return *known;
  AuthFile file = parse(text, AuthFile::Form::current, name);
  *variable_.lock() = file;
  return file;
}

std::optional<AuthFile> Credentials::read(const Place& place) {
  const std::string& name = place.path.native();
  const auto unreadable = [&](int problem) -> std::optional<AuthFile> {
    // A file that is missing or not for us does not count. Any other that cannot be read might be
    // the right one.
    const bool is_none = problem == ENOENT || problem == ENOTDIR || problem == EACCES;
    if (!place.named_by.empty() || !is_none) {
      const std::string who =
          place.named_by.empty() ? std::string() : str_cat(", which ", place.named_by, " names");
      throw Error(Errc::denied, str_cat("cannot read credentials from ", name, who, ": ",
                                        std::generic_category().message(problem)));
    }
    DIGESTFS_LOG(debug, "no credentials there file=", name,
                 " cause=", std::generic_category().message(problem));
    return std::nullopt;
  };
  struct stat status {};
  if (::stat(name.c_str(), &status) != 0) return unreadable(errno);
  const Fingerprint fingerprint = Fingerprint::of(status);
  {
    const auto state = state_.lock();
    const auto at = state->files.find(name);
    if (at != state->files.end() && at->second.fingerprint == fingerprint) return at->second.file;
  }
  if (status.st_size > kMaxFile) return unreadable(EFBIG);
  if (!S_ISREG(status.st_mode)) return unreadable(S_ISDIR(status.st_mode) ? EISDIR : EINVAL);
  std::string text;
  try {
    const UniqueFd fd = open_file(AT_FDCWD, place.path, O_RDONLY);
    text = read_rest(fd.get(), static_cast<std::size_t>(kMaxFile));
  } catch (const std::system_error& error) {
    return unreadable(error.code().value());
  }
  AuthFile file = parse(text, place.form, name);
  state_.lock()->files[name] = {fingerprint, file};
  return file;
}

std::optional<Credential> Credentials::find_in(const Reference& repository, const AuthFile& file,
                                               const std::string& where,
                                               const std::stop_token& stop) {
  const auto helper = file.helper_for(repository);
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
  if (auto credential = file.find(repository)) {
    credential->from = where;
    return credential;
  }
  return helper ? ask_it() : std::nullopt;
}

std::optional<Credential> Credentials::ask(const std::string& helper, const std::string& server,
                                           const std::stop_token& stop) {
  const std::string key = str_cat(helper, " ", server);
  std::shared_ptr<Helper> shared;
  Clock::time_point refused_at;
  Clock::time_point doubted_at;
  {
    const auto state = state_.lock();
    refused_at = state->refused_at;
    doubted_at = std::max(refused_at, state->doubted_at);
    auto& at = state->helpers[key];
    if (!at) at = std::make_shared<Helper>();
    shared = at;
  }
  const auto is_usable = [doubted_at, pause = options_.helper_pause](const Said& said) {
    const auto age = Clock::now() - said.asked_at;
    return age < said.life && (said.asked_at >= doubted_at || age < pause);
  };
  const Said said = shared->get(stop, is_usable, [&]() -> Said {
    try {
      auto credential = ask_helper(helper, server, stop, options_.helper_limit);
      const Clock::duration life = credential ? options_.helper_memory : kNothingMemory;
      const auto now = Clock::now();
      return {std::move(credential), {}, now, now, life};
    } catch (const Error& error) {
      if (error.code() == Errc::interrupted) throw;
      // The last answer, unless it was refused, stays good: the helper may need the network.
      const auto last = shared->look([refused_at](const Said& before) {
        return before.credential.has_value() && before.given_at >= refused_at;
      });
      const auto now = Clock::now();
      if (!last) return {{}, error, now, now, options_.helper_pause};
      DIGESTFS_LOG(warning,
                   "a credential helper fails; what it said before is used helper=", helper,
                   " cause=", error.what());
      return {last->credential, {}, last->given_at, now, options_.helper_pause};
    }
  });
  if (said.failure) throw Error(*said.failure);
  return said.credential;
}

void Credentials::forget() {
  const auto state = state_.lock();
  state->refused_at = Clock::now();
  state->files.clear();
}

void Credentials::reread() {
  const auto state = state_.lock();
  state->doubted_at = Clock::now();
  state->files.clear();
}

void Credentials::doubt() { state_.lock()->doubted_at = Clock::now(); }

std::string Credentials::places() const {
  std::string text;
  for (const Place& place : places_) {
    if (!text.empty()) text += ", ";
    text += place.path.native();
  }
  return text;
}

}  // namespace digestfs::registry
