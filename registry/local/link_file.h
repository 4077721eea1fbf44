// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "base/digest.h"

namespace digestfs::registry {

/// The most bytes that a link file of a registry's storage can have and be read.
inline constexpr std::size_t kMaxLinkFile = 1024;

/// Returns the digest that a link file of a registry's storage holds (LOC-6). One line break at
/// its end is let pass. Returns nothing if the file holds anything else.
[[nodiscard]] std::optional<Digest> parse_link_file(std::string_view text);

}  // namespace digestfs::registry
