// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>

#include "base/error.h"

namespace digestfs::tools {

/// EXIT STATUS of digestfs(1).
enum class ExitCode {
  ok = 0,
  other = 1,
  usage = 2,
  cannot_mount = 10,
  not_found = 11,
  denied = 12,
  unreachable = 13,
  cache_unusable = 14,
};

/// A failure that ends the program. `what()` is the message for the user.
class Failure final : public std::runtime_error {
 public:
  Failure(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  [[nodiscard]] ExitCode code() const noexcept { return code_; }

 private:
  ExitCode code_;
};

/// The command line makes no sense; `what()` says why.
class UsageError final : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Returns the exit code of a program that ends because of an `Error` with `code`.
[[nodiscard]] ExitCode exit_code_of(Errc code) noexcept;

}  // namespace digestfs::tools
