// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/digest.h"

// References (REF-1 to REF-6).

namespace digestfs::registry {

/// Returns true if `text` matches the tag grammar (REF-1). Tags from the network are checked with
/// this before they become a name or a part of a URL (DEC-4).
[[nodiscard]] bool is_tag(std::string_view text) noexcept;

/// Returns true if `text` can be the path of a repository within its registry (REF-1, REF-2).
[[nodiscard]] bool is_repository_path(std::string_view text) noexcept;

/// A repository, or a registry, and possibly a tag and a digest in it. Valid by construction.
struct Reference {
  /// `HOST[:PORT]` as people write it: `docker.io`, `localhost:5000`, `[::1]:5000`.
  std::string domain;
  /// `library/alpine`. Empty if the reference names a registry and no repository.
  std::string path;
  std::optional<std::string> tag;
  std::optional<Digest> digest;

  /// Reads `[docker://]HOST[:PORT]/REPOSITORY[:TAG][@DIGEST]`. `alpine` means
  /// `docker.io/library/alpine` (REF-3). Without a tag the reference names the whole repository: no
  /// default tag is added. Throws `Errc::unsupported` with what is wrong and where.
  [[nodiscard]] static Reference parse(std::string_view text);

  /// Reads `[docker://]HOST[:PORT]/`, which `parse` refuses. The slash must be there: without it
  /// `HOST` is the name of a repository (REF-3). Returns nothing for any other text.
  [[nodiscard]] static std::optional<Reference> parse_registry(std::string_view text);

  /// `domain/path`, or the domain alone.
  [[nodiscard]] std::string repository() const;
  /// `HOST[:PORT]` to connect to: `registry-1.docker.io` for `docker.io` (REF-5).
  [[nodiscard]] std::string wire_host() const;
  /// Returns true if the host is this machine, by name or address (TLS-4): 127/8, ::1, localhost,
  /// *.localhost.
  [[nodiscard]] bool is_loopback() const;
};

}  // namespace digestfs::registry
