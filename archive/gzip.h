// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "archive/decompressor.h"
#include "archive/inflater.h"

namespace digestfs::archive {

/// Returns a decompressor for gzip (RFC 1952) with any number of members (DEC-a). `output` must
/// outlive it.
[[nodiscard]] std::unique_ptr<Decompressor> make_gzip_decompressor(
    ByteSink& output, std::unique_ptr<Inflater> inflater = make_inflater());

}  // namespace digestfs::archive
