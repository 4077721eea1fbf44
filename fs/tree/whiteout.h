// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace digestfs::fs {

/// What the name of a whiteout begins with: a file that hides, in the layers below, the file whose
/// name follows (image-spec layer.md, "Whiteouts"; WH-1).
inline constexpr std::string_view kWhiteout = ".wh.";

/// The name of the whiteout that hides everything which the layers below have in its directory
/// (image-spec layer.md, "Opaque Whiteout").
inline constexpr std::string_view kOpaque = ".wh..wh..opq";

/// Returns true if a file of this name is a whiteout, or one of those that aufs kept for
/// itself (WH-4).
[[nodiscard]] constexpr bool is_whiteout(std::string_view name) noexcept {
  return name.starts_with(kWhiteout);
}

}  // namespace digestfs::fs
