// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fingerprint.h"
#include "base/flight.h"
#include "base/guarded.h"
#include "base/shared_answer.h"
#include "registry/auth/auth_file.h"
#include "registry/auth/credential.h"
#include "registry/image/reference.h"

namespace digestfs::registry {

/// Where credentials are looked for.
struct CredentialOptions {
  /// `USER[:PASSWORD]`. If it is given, nothing else is looked at.
  std::optional<std::string> given = {};
  /// If a file is named here, it is the only one, and it must exist.
  std::optional<std::filesystem::path> file = {};
  /// Returns a variable of the environment, or an empty text if there is no such variable.
  std::function<std::string(const char*)> environment = {};
  /// How long a helper may take to answer.
  std::chrono::milliseconds helper_limit = std::chrono::seconds(60);
  /// For how long the answer of a helper is used. Some helpers give out credentials that live for
  /// hours, and a mount lives longer (CRED-5).
  Clock::duration helper_memory = std::chrono::hours(1);
  /// How soon a helper is asked again after its answer was refused.
  Clock::duration helper_pause = kBriefMemory;
};

/// Finds the credential for a repository in the first place that has one (CRED-1): the one that was
/// given; the file that was named (or REGISTRY_AUTH_FILE); else podman's files, docker's file and
/// ~/.dockercfg. A file is read again when it changes. A helper is asked again after an hour, or
/// after a minute if it had no credential. Both are asked again after a refusal (CRED-5, CRED-8).
/// If a helper then fails, its earlier answer stays in use unless that was refused. A helper runs
/// once for all callers that wait for it, and not twice during one lookup. No lock is held while it
/// runs. Safe for concurrent use.
class Credentials {
 public:
  explicit Credentials(CredentialOptions options);

  /// Returns the credential for `repository`, or nothing if no place has one. Throws
  /// `Errc::denied` if a place cannot be asked (a file is no JSON, a helper fails), and `timed_out`
  /// if a helper does not answer. The message names the place and quotes nothing of it.
  [[nodiscard]] std::optional<Credential> find(const Reference& repository,
                                               const std::stop_token& stop);

  /// Forgets what files and helpers have said, because it was refused or was nothing. The answer
  /// that a helper gave a moment ago stays: the helper would only say it again.
  void forget();

  /// Makes files be read and helpers be asked again, although nothing was refused. If a helper
  /// fails, its earlier answer is still used.
  void reread();

  /// Makes helpers be asked again, because another user may have logged in (CRED-8). If a helper
  /// fails, its earlier answer is still used.
  void doubt();

  /// The places where credentials are looked for, for messages.
  [[nodiscard]] std::string places() const;

 private:
  struct Place {
    std::filesystem::path path;
    AuthFile::Form form = AuthFile::Form::current;
    std::string named_by = {};  ///< The option or variable that names it, so that it must exist.
  };
  struct Read {
    Fingerprint fingerprint;
    AuthFile file;
  };
  struct Said {
    std::optional<Credential> credential;
    std::optional<Error> failure;
    Clock::time_point given_at;  ///< When the helper gave the credential.
    Clock::time_point asked_at;  ///< When the helper was asked last; it may have failed then.
    Clock::duration life;        ///< After that time the helper is asked again.
  };
  using Helper = SharedAnswer<Said>;
  struct State {
    std::map<std::string, Read> files;
    std::map<std::string, std::shared_ptr<Helper>> helpers;
    Clock::time_point refused_at;
    Clock::time_point doubted_at;
  };

  [[nodiscard]] AuthFile in_variable(const std::string& text, const std::string& name);
  [[nodiscard]] std::optional<AuthFile> read(const Place& place);
  [[nodiscard]] std::optional<Credential> find_in(const Reference& repository, const AuthFile& file,
                                                  const std::string& where,
                                                  const std::stop_token& stop);
  [[nodiscard]] std::optional<Credential> ask(const std::string& helper, const std::string& server,
                                              const std::stop_token& stop);

  // Constant after construction.
  CredentialOptions options_;
  std::vector<Place> places_;
  bool has_named_file_ = false;  ///< An option or REGISTRY_AUTH_FILE names the only file.
  // Guarded by the locks they live in.
  Guarded<State> state_;
  Guarded<std::optional<AuthFile>> variable_;  ///< The parsed DOCKER_AUTH_CONFIG.
};

}  // namespace digestfs::registry
