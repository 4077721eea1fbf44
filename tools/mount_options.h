// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

// The lists that `-o` takes.

namespace digestfs::tools {

/// What the program does with one part of an `-o` list.
enum class MountOption {
  ours,       ///< one of the program's long options, without its dashes
  handed_on,  ///< libfuse and the kernel are given it
  ignored,    ///< mount(8) or fstab(5) put it there; it changes nothing here
  unknown,
};

/// Says what `part`, such as `tag-ttl=5` or `noatime`, is.
[[nodiscard]] MountOption kind_of(std::string_view part);

/// Returns the parts of an `-o` list; `\,` stands for a comma, `\\` for a backslash.
[[nodiscard]] std::vector<std::string> split_mount_options(const std::string& list);

}  // namespace digestfs::tools
