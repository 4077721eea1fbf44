// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "base/request.h"
#include "base/sink.h"
#include "registry/local/containers/diff_directory.h"

namespace digestfs::registry {

/// What the tar of a stored layer is put together from.
struct LayerParts {
  UniqueFd tar_split;  ///< The compressed file of tar-split.
  DiffDirectory files;
  std::optional<std::uint64_t> size;  ///< The size of the tar, if the store says it.
};

/// Puts the tar of a layer together again, bit for bit, and writes it to `output` (LOC-5). Needs
/// little memory, whatever the size of the layer. Throws `Errc::corrupt` if a file is not what it
/// was when the layer was stored, or if the tar gets another size, `denied` if a file cannot be
/// read, and `interrupted` on a stop. What was written by then is no tar.
void write_layer_tar(const LayerParts& parts, ByteSink& output, const Request& request);

}  // namespace digestfs::registry
