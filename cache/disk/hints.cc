// SPDX-License-Identifier: Apache-2.0
#include "cache/disk/hints.h"

#include <algorithm>
#include <array>
#include <ctime>

#include "base/text.h"

namespace digestfs::cache {
namespace {

constexpr std::array<std::string_view, 3> kObjectFolders{"blobs", "diffs", "quarantine"};
constexpr std::array<std::string_view, 3> kFoldersBeside{"used", "sums", "trees"};

/// Returns true if some area has the object.
bool is_there(const Directory& directory, std::string_view name) {
  return std::ranges::any_of(kObjectFolders, [&](std::string_view area) {
    return directory.status(str_cat(area, "/", name)).has_value();
  });
}

/// Returns true if one of the files beside an object was written within the last minute.
bool is_any_young(const Directory& directory, std::string_view name) {
  constexpr std::time_t kYoung = 60;
  const std::time_t now = ::time(nullptr);
  return std::ranges::any_of(kFoldersBeside, [&](std::string_view folder) {
    const auto status = directory.status(str_cat(folder, "/", name));
    return status && now < status->st_mtim.tv_sec + kYoung;
  });
}

}  // namespace

std::string hint_path(Hint hint, const Digest& digest) {
  return str_cat(hint == Hint::sums ? "sums/" : "trees/", digest.algorithm(), "/",
                 digest.encoded());
}

std::uint64_t bytes_beside(const Directory& directory, std::string_view name) {
  std::uint64_t bytes = 0;
  for (const std::string_view folder : kFoldersBeside) {
    const auto status = directory.status(str_cat(folder, "/", name));
    if (status && S_ISREG(status->st_mode)) bytes += static_cast<std::uint64_t>(status->st_size);
  }
  return bytes;
}

void remove_beside(const Directory& directory, std::string_view name) {
  if (is_there(directory, name)) return;
  for (const std::string_view folder : kFoldersBeside) {
    directory.remove(str_cat(folder, "/", name));
  }
}

void remove_orphans(const Directory& directory, const std::stop_token& stop) {
  for (const std::string_view folder : kFoldersBeside) {
    for (const std::string& algorithm : directory.names_in(std::string(folder))) {
      for (const std::string& name : directory.names_in(str_cat(folder, "/", algorithm))) {
        if (stop.stop_requested()) return;
        if (!Digest::parse(str_cat(algorithm, ":", name))) continue;
        const std::string object = str_cat(algorithm, "/", name);
        // Of most the object is there, so that is looked at first.
        if (is_there(directory, object) || is_any_young(directory, object)) continue;
        remove_beside(directory, object);
      }
    }
  }
}

}  // namespace digestfs::cache
