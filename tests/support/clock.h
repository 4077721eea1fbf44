// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace digestfs::test {

/// Waits, for some milliseconds at most, until a change of the file would show in its ctime: the
/// kernel stamps with its last tick, so that two changes within one look like one.
void await_tick(const std::filesystem::path& path);

}  // namespace digestfs::test
