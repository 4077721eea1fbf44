// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "registry/image/manifest.h"

namespace digestfs::registry {

/// Reads a Docker schema 1 manifest (MT-6). Its layers are in order from the base, without empty
/// layers and without those that the writer put there twice.
[[nodiscard]] Manifest parse_schema1(const nlohmann::json& document);

}  // namespace digestfs::registry
