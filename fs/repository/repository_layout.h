// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fs/image/image_context.h"
#include "fs/node.h"

namespace digestfs::fs {

/// Returns `oci/` of the repository: its index names all tags, and `blobs/` lists what this mount
/// has met and answers for any digest.
[[nodiscard]] const Directory* repository_layout(const ImageContext& context);

}  // namespace digestfs::fs
