// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "registry/image/descriptor.h"

namespace digestfs::registry {

/// Reads `json` as a descriptor (image-spec descriptor.md). Throws `Errc::corrupt` if it cannot be
/// used: it is no object, its digest is not well-formed (M9), or its size is no size (M8). A
/// missing size is unknown. Annotations that are no texts are left out (MT-5).
[[nodiscard]] Descriptor parse_descriptor(const nlohmann::json& json);

/// Reads `json` as a platform. Parts that are missing or of another type are empty.
[[nodiscard]] Platform parse_platform_json(const nlohmann::json& json);

/// Returns the members of `json` that are texts. Returns none if it is null or no object.
[[nodiscard]] Annotations parse_annotations(const nlohmann::json* json);

}  // namespace digestfs::registry
