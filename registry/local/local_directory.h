// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/handle.h"

namespace digestfs::registry {

/// A directory of this machine that is a source.
struct LocalDirectory {
  std::string name;  ///< The scheme and the absolute path, without a slash at the end.
  UniqueFd fd;
};

/// Opens a directory. `scheme` begins the source's name: `oci:`. Throws `Errc::not_found` if there
/// is no such directory, and `denied` if it cannot be opened.
[[nodiscard]] LocalDirectory open_directory(std::string_view scheme,
                                            const std::filesystem::path& path);

}  // namespace digestfs::registry
