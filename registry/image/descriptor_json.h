// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "registry/image/descriptor.h"

namespace digestfs::registry {

/// The descriptor that `json` is (image-spec descriptor.md). Throws `Errc::corrupt` where it cannot
/// be used: no object, no well-formed digest (M9), or a size that is none (M8). A missing size is
/// unknown; annotations that are no texts are left out (MT-5).
[[nodiscard]] Descriptor parse_descriptor(const nlohmann::json& json);

/// The platform that `json` is; parts that are missing or of another type are empty.
[[nodiscard]] Platform parse_platform_json(const nlohmann::json& json);

/// The texts among the members of `json`; none where it is no object.
[[nodiscard]] Annotations parse_annotations(const nlohmann::json* json);

}  // namespace digestfs::registry
