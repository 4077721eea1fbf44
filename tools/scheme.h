// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

// The transports by which the argument SOURCE of digestfs(1) says what is mounted. They are spelled
// as in skopeo.

namespace digestfs::tools {

enum class Transport {
  docker,
  oci,
  oci_archive,
  dir,
  docker_archive,
  containers_storage,
  registry_storage,
};

/// One transport. SOURCE is recognised by the table of these, and `--help` and messages come from
/// it.
struct Scheme {
  Transport transport;
  std::string_view prefix;       ///< `oci-archive:`
  std::string_view spelling;     ///< What SOURCE looks like.
  std::string_view description;  ///< One line.
};

/// Returns all transports, in the order in which people are shown them.
[[nodiscard]] std::span<const Scheme> schemes() noexcept;

/// A SOURCE, taken apart.
struct Recognised {
  const Scheme& scheme;
  std::string rest;  ///< what is behind the prefix, or all of a SOURCE without one
};

/// Returns the transport of `source`; a source without one is a registry's. Throws `UsageError` if
/// `source` begins with a transport that is not known. Otherwise it would be taken for a name on
/// Docker Hub, and sent there.
[[nodiscard]] Recognised recognise(const std::string& source);

/// Returns the list of transports, one a line.
[[nodiscard]] std::string scheme_help();

}  // namespace digestfs::tools
