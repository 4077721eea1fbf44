// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "archive/decompressor.h"

namespace digestfs::archive {

/// zstd (RFC 8878), any number of frames, skippable ones anywhere (DEC-b).
[[nodiscard]] std::unique_ptr<Decompressor> make_zstd_decompressor(ByteSink& output);

}  // namespace digestfs::archive
