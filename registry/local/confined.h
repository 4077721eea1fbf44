// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "base/handle.h"

// Opening files below a directory of this machine that somebody else may write to. Whoever writes
// there could plant a link to a file that only this process may read.

namespace digestfs::registry {

/// What a link below the directory may lead to.
enum class Confinement {
  beneath,  ///< A link that leads out of the directory is an error (EXDEV).
  root,     ///< The directory is the root of all links, as for a process inside a container.
};

/// Opens `path` for reading without following a link out of `directory` and without waiting. Links
/// of the kernel (/proc/…/fd) are never followed. On a kernel or in a sandbox without openat2, no
/// link at all is followed. Returns no descriptor and sets errno if that fails.
[[nodiscard]] UniqueFd open_confined(int directory, const std::string& path,
                                     Confinement confinement);

/// Opens the regular file `path` in `directory`, and returns nothing if there is none. A link may
/// lead out of `directory` only if that belongs to the user of this process and not everybody may
/// write there. Throws `Errc::denied` for another link, and if this process may not look.
[[nodiscard]] std::optional<UniqueFd> open_local(int directory, const std::string& path);

}  // namespace digestfs::registry
