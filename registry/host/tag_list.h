// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "registry/source.h"

namespace digestfs::registry {

/// Reads the body of `tags/list` (EP-10). Leaves out names that are no tags (null, digests,
/// `../x`); `tags` may be null or missing. Throws `Errc::corrupt` if `body` is no JSON object,
/// because an HTML page must not look like a repository without tags (L3), and `too_large` for more
/// than two million tags.
[[nodiscard]] TagPage parse_tag_list(std::string_view body);

}  // namespace digestfs::registry
