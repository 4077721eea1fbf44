// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/digest.h"
#include "base/flight.h"
#include "cache/problems.h"
#include "fs/object/image_reader.h"

namespace digestfs::fs {

/// All that an index or manifest consists of, itself first: of an index every image in it, of an
/// image its config and layers. Reads documents, no layers. An entry that the source does not have,
/// or that can never be read, is there all the same, for an index is often copied with some of its
/// platforms only; what would be below it is not. Throws `Pending`, whatever reading the first
/// document fails with, and `Error(too_large)` where indexes are nested more than 8 deep or name
/// too much (MT-5).
[[nodiscard]] std::vector<Digest> image_parts(ImageReader& images, cache::Problems& problems,
                                              const Digest& digest, const std::string& hint,
                                              const Patience& patience);

}  // namespace digestfs::fs
