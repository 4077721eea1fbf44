// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace digestfs::registry {

/// The certificates that a user keeps for one registry (containers-certs.d(5), TLS-1, TLS-2).
struct Certificates {
  std::string authorities;            ///< PEM. Believed in addition to the system's.
  std::filesystem::path certificate;  ///< The client's certificate, PEM. Empty if there is none.
  std::filesystem::path key;

  [[nodiscard]] bool empty() const noexcept { return authorities.empty() && certificate.empty(); }
};

/// Reads the certificates in `directory`. If none is named, reads the first directory
/// `certs.d/<domain>` that exists in the user's folders, in the machine's folders (below
/// `machine`), and in containerd's. `domain` is the host as people write it. A `*.crt` is an
/// authority; `*.cert` and `*.key` with the same stem are a pair; containerd keeps the key in the
/// `*.cert`. A directory with a `hosts.toml` is about other hosts and is skipped. Throws
/// `Errc::unsupported`, with the file's name, if one half of a pair is missing or if the named
/// directory does not exist.
[[nodiscard]] Certificates find_certificates(
    const std::string& domain, const std::optional<std::filesystem::path>& directory,
    const std::function<std::string(const char*)>& environment,
    const std::filesystem::path& machine = "/etc");

}  // namespace digestfs::registry
