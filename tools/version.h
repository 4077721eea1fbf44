// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace digestfs::tools {

/// Returns the text that `--version` prints: the version of digestfs, and below it the libraries
/// with the versions that are loaded, which a report of an error should name.
[[nodiscard]] std::string version_text();

}  // namespace digestfs::tools
