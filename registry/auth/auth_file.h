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

/// A file that `podman login` or `docker login` has written (containers-auth.json(5), docker's
/// config.json). Immutable after parsing.
class AuthFile {
 public:
  /// The old form, `~/.dockercfg`, has at its top what the current form has under `auths`.
  enum class Form { current, legacy };

  /// Throws `Errc::corrupt` if `text` is no JSON. An empty text has no entries (CRED-4). Entries
  /// that make no sense are skipped (CRED-3). Messages quote nothing of the text.
  [[nodiscard]] static AuthFile parse(std::string_view text, Form form = Form::current);

  /// Returns the entry for `repository`: the one with the most specific key (`host/a/b`, `host/a`,
  /// `host`), or else one whose key means the host (`https://host/v1/`, or one of Docker Hub's
  /// names; CRED-2). Its `from` is empty.
  [[nodiscard]] std::optional<Credential> find(const Reference& repository) const;

  /// A program that keeps credentials outside the file, and what to ask it for.
  struct Helper {
    std::string name;                  ///< The program is `docker-credential-<name>`.
    std::vector<std::string> servers;  ///< The names to ask for, in this order.
    bool is_final = false;  ///< The helper is for this host alone: entries are not looked at.
  };
  /// Returns the helper for the host of `repository` (`credHelpers`), or else the one for all hosts
  /// (`credsStore`).
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
