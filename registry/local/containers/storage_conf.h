// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include <sys/types.h>

#include "registry/local/containers/store_location.h"

namespace digestfs::registry {

/// What decides where containers/storage keeps its images.
struct StoreEnvironment {
  /// Returns an environment variable, or nothing if it is not set.
  std::function<std::optional<std::string>(const std::string& name)> variable;
  uid_t user = 0;    ///< The user who keeps the store; inside `podman unshare` not root.
  std::string home;  ///< The user's home directory.
  std::filesystem::path system_file = "/etc/containers/storage.conf";
  std::filesystem::path vendor_file = "/usr/share/containers/storage.conf";

  /// The environment of this process, whose user has the home directory `home`.
  [[nodiscard]] static StoreEnvironment of_process(std::string home);
};

/// Returns the store that podman, buildah and CRI-O use here, as they find it: by `storage.conf`
/// (containers-storage.conf(5)) in each of its places, and by the variables STORAGE_DRIVER and
/// STORAGE_OPTS. Throws `Errc::corrupt` for a file that is no TOML, `denied` for one that cannot be
/// read, and `not_found` if there is no home directory to look in.
[[nodiscard]] StoreLocation default_store(const StoreEnvironment& environment);

/// Returns the name and the version of the library that reads TOML.
[[nodiscard]] std::string toml_library();

}  // namespace digestfs::registry
