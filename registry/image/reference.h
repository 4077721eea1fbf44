// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/digest.h"

// References (REF-1 to REF-6).

namespace digestfs::registry {

/// Whether `text` matches the tag grammar (REF-1). Tags from the network are checked with it before
/// they become a name or part of a URL (DEC-4).
[[nodiscard]] bool is_tag(std::string_view text) noexcept;

/// Whether `text` is the path of a repository within its registry (REF-1, REF-2).
[[nodiscard]] bool is_repository_path(std::string_view text) noexcept;

/// Where a repository is, and what of it was named. Valid by construction.
struct Reference {
  /// `HOST[:PORT]` as people write it: `docker.io`, `localhost:5000`, `[::1]:5000`.
  std::string domain;
  /// `library/alpine`. Empty where a registry is meant, and none of its repositories.
  std::string path;
  std::optional<std::string> tag;
  std::optional<Digest> digest;

  /// `[docker://]HOST[:PORT]/REPOSITORY[:TAG][@DIGEST]`; `alpine` means `docker.io/library/alpine`
  /// (REF-3). No default tag is added: naming none means the whole repository.
  /// Throws `Errc::unsupported` with what is wrong and where.
  [[nodiscard]] static Reference parse(std::string_view text);

  /// `[docker://]HOST[:PORT]/`, the slash included, which `parse` refuses: without it `HOST` is the
  /// name of a repository (REF-3). Nothing for anything else.
  [[nodiscard]] static std::optional<Reference> parse_registry(std::string_view text);

  /// `domain/path`, or the domain alone.
  [[nodiscard]] std::string repository() const;
  /// `HOST[:PORT]` to connect to: `registry-1.docker.io` for `docker.io` (REF-5).
  [[nodiscard]] std::string wire_host() const;
  /// Whether the host is the loopback interface, by name or address (TLS-4): 127/8, ::1, localhost,
  /// *.localhost.
  [[nodiscard]] bool is_loopback() const;
};

}  // namespace digestfs::registry
