// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace digestfs::companions {

/// Returns the source of the mount of digestfs at `mountpoint`, such as `quay.io/a/b`, from
/// `table`, a text like /proc/self/mountinfo. Returns nothing if there is no such mount.
[[nodiscard]] std::optional<std::string> source_of_mount(std::string_view table,
                                                         const std::filesystem::path& mountpoint);

}  // namespace digestfs::companions
