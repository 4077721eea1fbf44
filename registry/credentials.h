// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/flight.h"
#include "base/guarded.h"
#include "registry/auth_file.h"
#include "registry/credential.h"
#include "registry/reference.h"

namespace digestfs::registry {

/// Where credentials are looked for.
struct CredentialOptions {
  /// `USER[:PASSWORD]`; nothing else is looked at then.
  std::optional<std::string> given = {};
  /// The only file, where one is named; it must be there.
  std::optional<std::filesystem::path> file = {};
  /// A variable of the environment; empty where there is none.
  std::function<std::string(const char*)> environment = {};
  std::chrono::milliseconds helper_limit = std::chrono::seconds(60);
};

/// The credential for one repository, of the first place that has one (CRED-1): what was given, the
/// file that was named (or REGISTRY_AUTH_FILE), else podman's files, docker's and ~/.dockercfg.
/// Files are read again when they change, helpers asked again after an hour or a refusal (CRED-5,
/// CRED-8). Safe for concurrent use; helpers run while no lock is held.
class Credentials {
 public:
  Credentials(Reference repository, CredentialOptions options);

  /// Nothing where nobody has any. Throws `Errc::denied` where a place that should be asked cannot
  /// be: a file that is no JSON, a helper that fails. The message names it and quotes nothing.
  [[nodiscard]] std::optional<Credential> find(const std::stop_token& stop);

  /// Forgets what helpers said: it was refused.
  void forget();

  /// Where it is looked, for people.
  [[nodiscard]] std::string places() const;

 private:
  struct Place {
    std::filesystem::path path;
    AuthFile::Form form = AuthFile::Form::current;
    bool must_exist = false;
  };
  struct Read {
    std::filesystem::file_time_type modified;
    std::uintmax_t size = 0;
    AuthFile file;
  };
  struct Said {
    std::optional<Credential> credential;
    Clock::time_point believed_until;
  };
  struct State {
    std::map<std::string, Read> files;
    std::map<std::string, Said> helpers;
  };

  [[nodiscard]] std::optional<AuthFile> read(const Place& place);
  [[nodiscard]] std::optional<Credential> find_in(const AuthFile& file, const std::string& where,
                                                  const std::stop_token& stop);
  [[nodiscard]] std::optional<Credential> ask(const std::string& helper, const std::string& server,
                                              const std::stop_token& stop);

  // Constant after construction.
  Reference repository_;
  CredentialOptions options_;
  std::vector<Place> places_;
  // Guarded by the lock it lives in.
  Guarded<State> state_;
};

}  // namespace digestfs::registry
