// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>

#include "archive/decompressor.h"
#include "base/sink.h"
#include "registry/local/file_part.h"

// Decompressing what a saved archive holds, or is.

namespace digestfs::registry {

/// Returns how the part is compressed, by its first bytes.
[[nodiscard]] archive::Compression compression_of(const FilePart& part);

/// Decompresses the part into `output`. Throws `Errc::corrupt` if it is broken or cut off,
/// `unsupported` for bzip2 and xz, `too_large` if more than 256 MiB and more than 200 times its
/// size comes out of it, and `interrupted` when a stop is requested.
void inflate(const FilePart& part, archive::Compression compression, ByteSink& output,
             const std::stop_token& stop);

}  // namespace digestfs::registry
