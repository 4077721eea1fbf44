// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/digest.h"
#include "base/flight.h"
#include "cache/problems.h"
#include "fs/object/image_reader.h"

namespace digestfs::fs {

/// Returns all that an index or manifest consists of, itself first: of an index every image in it,
/// of an image its config and layers. Reads documents, and no layers. An entry that the source does
/// not have, or that can never be read, is in the result without what it would name itself, because
/// an index is often copied with only some of its platforms. Throws `Pending`, the failure of the
/// first document, and `Error(too_large)` if indexes are nested more than 8 deep or name too much
/// (MT-5).
[[nodiscard]] std::vector<Digest> image_parts(ImageReader& images, cache::Problems& problems,
                                              const Digest& digest, const std::string& hint,
                                              const Patience& patience);

}  // namespace digestfs::fs
