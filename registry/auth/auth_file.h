// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "registry/auth/credential.h"
#include "registry/image/reference.h"

namespace digestfs::registry {

/// What `podman login` and `docker login` leave (containers-auth.json(5), docker's config.json).
class AuthFile {
 public:
  /// `~/.dockercfg` has what the others keep under `auths` at its top.
  enum class Form { current, legacy };

  /// Throws `Errc::corrupt` where it is no JSON; an empty file is an empty one (CRED-4). Entries
  /// that make no sense are skipped (CRED-3). Messages quote nothing of it.
  [[nodiscard]] static AuthFile parse(std::string_view text, Form form = Form::current);

  /// What the file has for a repository: the entry of the most specific key (`host/a/b`, `host/a`,
  /// `host`), else of one that means the host (`https://host/v1/`, and Docker Hub's several names;
  /// CRED-2). `from` is empty.
  [[nodiscard]] std::optional<Credential> find(const Reference& repository) const;

  /// A program that keeps what the file does not, and what to ask it for.
  struct Helper {
    std::string name;                  ///< of `docker-credential-<name>`
    std::vector<std::string> servers;  ///< to be tried in this order
    bool is_final = false;  ///< it is for this host alone: what it does not have, no entry has
  };
  /// The helper for the host of `repository` (`credHelpers`); else the one for all (`credsStore`).
  [[nodiscard]] std::optional<Helper> helper_for(const Reference& repository) const;

  /// The keys of entries that were skipped.
  [[nodiscard]] const std::vector<std::string>& skipped() const noexcept { return skipped_; }

 private:
  std::map<std::string, Credential> entries_;
  std::map<std::string, std::string> helpers_;
  std::string store_;
  std::vector<std::string> skipped_;
};

}  // namespace digestfs::registry
