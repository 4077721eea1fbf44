// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>

namespace digestfs::fs {

/// Returns the errno that stands for a failure. The same failure always has the same number
/// (promise 9); an unknown failure is EIO.
[[nodiscard]] int error_number(const std::exception_ptr& failure) noexcept;

}  // namespace digestfs::fs
