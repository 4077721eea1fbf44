// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace digestfs::registry {

/// What a user keeps for the TLS of one registry (containers-certs.d(5), TLS-1, TLS-2).
struct Certificates {
  std::string authorities;            ///< PEM; believed beside the system's
  std::filesystem::path certificate;  ///< of the client, PEM; empty where there is none
  std::filesystem::path key;

  [[nodiscard]] bool empty() const noexcept { return authorities.empty() && certificate.empty(); }
};

/// Reads `directory`, or without one the first that is there of `certs.d/<domain>` below the user's
/// and the machine's folders (`machine`), containerd's last; `domain` as people write it. `*.crt`
/// are authorities, `*.cert` and `*.key` of one stem a pair; a `*.cert` alone has its key in it for
/// containerd. What has a `hosts.toml` is about other hosts and passed over. Throws
/// `Errc::unsupported`, with the file's name, for half a pair and for a directory that was named
/// and is not there.
[[nodiscard]] Certificates find_certificates(
    const std::string& domain, const std::optional<std::filesystem::path>& directory,
    const std::function<std::string(const char*)>& environment,
    const std::filesystem::path& machine = "/etc");

}  // namespace digestfs::registry
