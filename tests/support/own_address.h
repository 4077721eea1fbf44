// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

namespace digestfs::test {

/// An IPv4 address of this machine that is not loopback, where it has one: what is sent to it does
/// not leave the machine, and the rules for registries far away hold.
[[nodiscard]] std::optional<std::string> own_address();

}  // namespace digestfs::test
