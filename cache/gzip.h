// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "cache/decompressor.h"

namespace digestfs::cache {

/// gzip (RFC 1952), any number of members (DEC-a).
[[nodiscard]] std::unique_ptr<Decompressor> make_gzip_decompressor(ByteSink& output);

}  // namespace digestfs::cache
