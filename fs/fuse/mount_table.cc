// SPDX-License-Identifier: Apache-2.0
#include "fs/fuse/mount_table.h"

#include <sstream>

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

namespace digestfs::fs {
namespace {

constexpr std::size_t kMaxTable = std::size_t{64} << 20U;

bool is_octal(char c) { return c >= '0' && c <= '7'; }

/// The kernel writes blanks, tabs, line ends and backslashes as `\ooo`.
std::string unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && is_octal(text[i + 1]) && is_octal(text[i + 2]) &&
        is_octal(text[i + 3])) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                 (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

struct Line {
  std::string device;
  std::string mountpoint;
};

Line parse_line(const std::string& line) {
  // 36 35 98:0 /mnt1 /mnt2 rw,noatime … : id, parent, major:minor, root, mount point
  std::istringstream fields(line);
  std::string skipped;
  std::string mountpoint;
  Line parsed;
  fields >> skipped >> skipped >> parsed.device >> skipped >> mountpoint;
  parsed.mountpoint = unescaped(mountpoint);
  return parsed;
}

}  // namespace

std::optional<std::string> find_device(std::string_view table, std::string_view mountpoint) {
  std::optional<std::string> found;
  std::istringstream lines{std::string(table)};
  for (std::string text; std::getline(lines, text);) {
    const Line line = parse_line(text);
    if (line.mountpoint == mountpoint) found = line.device;
  }
  return found;
}

MountTable::MountTable(std::string_view mountpoint)
    : table_(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC)) {
  if (table_) device_ = find_device(read_table(), mountpoint);
}

std::string MountTable::read_table() const {
  ::lseek(table_.get(), 0, SEEK_SET);
  return read_rest(table_.get(), kMaxTable);
}

bool MountTable::is_mounted() {
  if (!device_) return true;
  std::istringstream lines(read_table());
  for (std::string text; std::getline(lines, text);) {
    if (parse_line(text).device == *device_) return true;
  }
  return false;
}

}  // namespace digestfs::fs
