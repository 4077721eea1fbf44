// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "archive/decompressor.h"

namespace digestfs::archive {

/// Returns a decompressor for zstd (RFC 8878) with any number of frames, and skippable frames
/// anywhere (DEC-b).
[[nodiscard]] std::unique_ptr<Decompressor> make_zstd_decompressor(ByteSink& output);

/// Returns the name and the version of the library that decompresses zstd.
[[nodiscard]] std::string zstd_library();

}  // namespace digestfs::archive
