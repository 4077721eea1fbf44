// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <set>
#include <string>

namespace digestfs::test {

/// Something to look at in a mount, and what is to be seen there.
struct Reading {
  enum class Of {
    content,  ///< all bytes of a file
    names,    ///< what a directory lists, sorted, each with a newline
    target,   ///< where a link leads
  };

  Of of;
  std::string path;  ///< below the mountpoint
  int error = 0;     ///< the errno that it ends with
  std::string seen = {};
};

[[nodiscard]] Reading content(const std::string& path, const std::string& bytes);
[[nodiscard]] Reading no_content(const std::string& path, int error);
[[nodiscard]] Reading names(const std::string& path, const std::set<std::string>& names);
[[nodiscard]] Reading no_names(const std::string& path, int error);
[[nodiscard]] Reading target(const std::string& path, const std::string& target);

/// What is there to be seen, by whatever error it ends; and fails the test where somebody waits for
/// longer than the deadlines allow (I4).
[[nodiscard]] Reading look(const std::filesystem::path& mountpoint, Reading::Of of,
                           const std::string& path);

/// Fails the test where `reading` is not what is seen. Not a byte is to come of what fails.
void expect(const std::filesystem::path& mountpoint, const Reading& reading);

/// All extended attributes of a file, names and values.
[[nodiscard]] std::string xattrs_of(const std::filesystem::path& path);

}  // namespace digestfs::test
