// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace digestfs::registry {

/// Returns the target of the first link of a `Link` field whose relation is `next` (RFC 8288;
/// EP-10), as it is written: the URL may hold commas and semicolons. Returns nothing if there is no
/// such link.
[[nodiscard]] std::optional<std::string> next_link(std::string_view value);

}  // namespace digestfs::registry
