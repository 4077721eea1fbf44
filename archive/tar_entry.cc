// SPDX-License-Identifier: Apache-2.0
#include "archive/tar_entry.h"

#include "base/text.h"

namespace digestfs::archive {

TarType type_of(char flag) noexcept {
  switch (flag) {
    case '0':
    case '7':  // a contiguous file, which reads like any other
    case 'S':
      return TarType::file;
    case '1':
      return TarType::hardlink;
    case '2':
      return TarType::symlink;
    case '3':
      return TarType::character_device;
    case '4':
      return TarType::block_device;
    case '5':
      return TarType::directory;
    case '6':
      return TarType::fifo;
    default:
      return TarType::other;
  }
}

bool override_fields(TarEntry& entry, std::int64_t& size, const PaxRecords& records) {
  for (const auto& [key, value] : records) {
    if (value.empty()) continue;
    const auto number = [&value = value](std::int64_t& into) {
      const auto parsed = parse_signed_decimal(value);
      into = parsed.value_or(0);
      return parsed.has_value();
    };
    bool good = true;
    if (key == "path") {
      entry.name = value;
    } else if (key == "linkpath") {
      entry.link = value;
    } else if (key == "uid") {
      good = number(entry.uid);
    } else if (key == "gid") {
      good = number(entry.gid);
    } else if (key == "size") {
      good = number(size);
    } else if (key == "mtime" || key == "atime" || key == "ctime") {
      const auto time = parse_pax_time(value);
      good = time.has_value();
      if (good && key == "mtime") entry.modified = *time;
    }
    if (!good) return false;
  }
  return true;
}

}  // namespace digestfs::archive
