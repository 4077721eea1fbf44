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
  /// `USER[:PASSWORD]`; nothing else is looked at then.
  std::optional<std::string> given = {};
  /// The only file, where one is named; it must be there.
  std::optional<std::filesystem::path> file = {};
  /// A variable of the environment; empty where there is none.
  std::function<std::string(const char*)> environment = {};
  std::chrono::milliseconds helper_limit = std::chrono::seconds(60);
  /// For how long it is believed what a helper has said: some hand out what lives for hours, and a
  /// mount lives longer (CRED-5).
  Clock::duration helper_memory = std::chrono::hours(1);
  /// How soon a helper is asked again whose answer was refused.
  Clock::duration helper_pause = kBriefMemory;
};

/// The credential for one repository, of the first place that has one (CRED-1): what was given, the
/// file that was named (or REGISTRY_AUTH_FILE), else podman's files, docker's and ~/.dockercfg.
/// Files are read again when they change, helpers asked again after an hour, or a minute where they
/// had nothing, and both after a refusal (CRED-5, CRED-8); one that fails then takes nothing away
/// that was not refused. A helper runs once however many ask,
/// while no lock is held, and not twice while a lookup waits, whatever became of what it said. Safe
/// for concurrent use.
class Credentials {
 public:
  explicit Credentials(CredentialOptions options);

  /// Nothing where nobody has any. Throws `Errc::denied` where a place that should be asked cannot
  /// be: a file that is no JSON, a helper that fails; `timed_out` where a helper does not answer.
  /// The message names it and quotes nothing.
  [[nodiscard]] std::optional<Credential> find(const Reference& repository,
                                               const std::stop_token& stop);

  /// Forgets what helpers and files have said: it was refused, or it was nothing. What a helper has
  /// said a moment ago it would say again.
  void forget();

  /// Has helpers asked again: somebody else may be logged in by now (CRED-8). What one has said is
  /// good all the same where it fails.
  void doubt();

  /// Where it is looked, for people.
  [[nodiscard]] std::string places() const;

 private:
  struct Place {
    std::filesystem::path path;
    AuthFile::Form form = AuthFile::Form::current;
    std::string named_by = {};  ///< who names it, so that it must be there; empty where nobody does
  };
  struct Read {
    Fingerprint fingerprint;
    AuthFile file;
  };
  struct Said {
    std::optional<Credential> credential;
    std::optional<Error> failure;
    Clock::time_point given_at;  ///< by the helper itself
    Clock::time_point asked_at;
    Clock::duration life;  ///< from then on it is asked again
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
  bool has_named_file_ = false;  ///< by an option or REGISTRY_AUTH_FILE: nothing else counts
  // Guarded by the locks they live in.
  Guarded<State> state_;
  Guarded<std::optional<AuthFile>> variable_;  ///< what DOCKER_AUTH_CONFIG has
};

}  // namespace digestfs::registry
