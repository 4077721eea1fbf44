// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "base/handle.h"

// Whose folder a cache may be in.

namespace digestfs::cache {

/// Opens the folder `path`, an absolute path, and makes it for its user alone where it is missing,
/// like the folders above it that are missing. Throws `std::system_error` where it is no folder or
/// belongs to another user, and where the path leads through a link of another user than this one
/// or root: whoever can change the link chooses the folder. Warns where other users may write to
/// the folder.
[[nodiscard]] UniqueFd open_root(const std::filesystem::path& path);

}  // namespace digestfs::cache
