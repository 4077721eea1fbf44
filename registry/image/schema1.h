// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "registry/image/manifest.h"

namespace digestfs::registry {

/// The layers of a Docker schema 1 manifest (MT-6): from the base, without those that hold nothing
/// and without those that its writers put there twice.
[[nodiscard]] Manifest parse_schema1(const nlohmann::json& document);

}  // namespace digestfs::registry
