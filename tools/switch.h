// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace digestfs::tools {

/// Returns the value of the switch `--option=text`. Takes what Go's flags take, and so skopeo, and
/// the words that fstab(5) is full of. Throws `UsageError` for any other text.
[[nodiscard]] bool parse_switch(const std::string& option, const std::string& text);

}  // namespace digestfs::tools
