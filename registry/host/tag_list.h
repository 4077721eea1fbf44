// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "registry/source.h"

namespace digestfs::registry {

/// Reads the body of `tags/list` (EP-10). What is no tag (null, digests, `../x`) is left out, never
/// a reason to fail; `tags` may be null or missing. Throws `Errc::corrupt` for what is no JSON
/// object: an HTML page must not look like a repository without tags (L3); `too_large` for more
/// than two million tags.
[[nodiscard]] TagPage parse_tag_list(std::string_view body);

}  // namespace digestfs::registry
