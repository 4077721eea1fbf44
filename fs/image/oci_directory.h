// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "base/digest.h"
#include "fs/image/repository.h"
#include "fs/node.h"

// Views that are OCI image layouts (image-spec image-layout.md), so that other tools can read from
// the mount what they would read from the registry: `oci-layout`, `index.json`,
// `blobs/<alg>/<hex>`.

namespace digestfs::fs {

/// `oci/` of an image directory: complete, with all that the image consists of. `path` is that of
/// the image directory; `tag` is what its index calls it. The image's document was read.
[[nodiscard]] const Directory* image_layout(Repository& repository, const std::string& path,
                                            const Digest& digest, const std::string& hint,
                                            const std::optional<std::string>& tag);

/// `oci/` of the repository: its index names all tags, `blobs/` lists what was met and answers for
/// any digest.
[[nodiscard]] const Directory* repository_layout(Repository& repository);

}  // namespace digestfs::fs
