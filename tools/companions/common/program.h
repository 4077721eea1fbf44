// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tools/companions/common/command_line.h"

// What the `main` of every companion does.

namespace digestfs::companions {

/// EXIT STATUS of the companions, as in diff(1).
enum class Answer {
  yes = 0,     ///< the same, sound, or everything could be shown
  no = 1,      ///< different, not sound, or something could not be shown
  failed = 2,  ///< the program could not answer, or the command line makes no sense
};

/// Reads the command line, answers `--help` and `--version`, and calls `answer` otherwise. Says on
/// standard error what failed. Returns the exit status.
[[nodiscard]] int run_program(const Usage& usage, int argc, char** argv,
                              const std::function<Answer(const Arguments&)>& answer) noexcept;

/// Writes a line to standard error: the program's name and `message`, with what is not plainly
/// visible escaped.
void complain(const std::string& program, const std::string& message);

}  // namespace digestfs::companions
