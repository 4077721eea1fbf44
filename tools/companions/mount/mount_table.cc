// SPDX-License-Identifier: Apache-2.0
#include "tools/companions/mount/mount_table.h"

#include <charconv>
#include <sstream>
#include <vector>

namespace digestfs::companions {
namespace {

/// Returns `field` with its octal escapes (`\040`) as the bytes that they stand for.
std::string unescaped(std::string_view field) {
  constexpr std::size_t kLength = 4;
  std::string text;
  while (!field.empty()) {
    unsigned code = 0;
    if (field.size() >= kLength && field.front() == '\\' &&
        std::from_chars(field.data() + 1, field.data() + kLength, code, 8).ptr ==
            field.data() + kLength) {
      text += static_cast<char>(code);
      field.remove_prefix(kLength);
    } else {
      text += field.front();
      field.remove_prefix(1);
    }
  }
  return text;
}

}  // namespace

std::optional<std::string> source_of_mount(std::string_view table,
                                           const std::filesystem::path& mountpoint) {
  std::optional<std::string> source;
  std::istringstream lines{std::string(table)};
  for (std::string line; std::getline(lines, line);) {
    // proc(5): ID parent device root MOUNTPOINT options [tags] - TYPE SOURCE options
    std::istringstream words(line);
    std::vector<std::string> fields;
    for (std::string word; words >> word;) fields.push_back(word);
    std::size_t dash = 6;
    while (dash < fields.size() && fields[dash] != "-") ++dash;
    if (dash + 2 >= fields.size() || fields[dash + 1] != "fuse.digestfs") continue;
    // The last of several mounts at one place is the one that is seen.
    if (unescaped(fields[4]) == mountpoint.native()) source = unescaped(fields[dash + 2]);
  }
  return source;
}

}  // namespace digestfs::companions
