// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace digestfs::tools {

/// Asks for the password of `user` and returns the first line of standard input. A terminal does
/// not show the line while it is typed, and is restored if a signal ends the program meanwhile.
/// Throws `UsageError` if standard input has no line.
[[nodiscard]] std::string ask_password(const std::string& user);

}  // namespace digestfs::tools
