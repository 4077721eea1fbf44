// SPDX-License-Identifier: Apache-2.0
#include "tools/companions/cache/cached_object.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "cache/disk/lock.h"
#include "cache/disk/partial.h"

namespace digestfs::companions {
namespace {

/// Returns the digest that a file is named by. `partial/` has files of one process alone, too.
std::optional<Digest> digest_of_name(const std::string& area, const std::string& algorithm,
                                     const std::string& name) {
  if (area != "partial") return Digest::parse(str_cat(algorithm, ":", name));
  if (!cache::is_partial_name(algorithm, name)) return std::nullopt;
  return Digest::parse(str_cat(algorithm, ":", name.substr(0, name.find('.'))));
}

std::string name_beside(const char* folder, const Digest& digest) {
  return str_cat(folder, "/", digest.algorithm(), "/", digest.encoded());
}

/// Removes what is kept beside an object, once it is gone from both areas.
void remove_hints(const cache::Directory& directory, const CachedObject& object) {
  if (object.area == "partial") return;
  for (const char* area : {"blobs", "diffs"}) {
    if (directory.status(name_beside(area, object.digest))) return;
  }
  for (const char* folder : {"used", "sums", "trees"}) {
    const std::string path = name_beside(folder, object.digest);
    if (directory.status(path)) directory.remove(path);
  }
}

}  // namespace

std::vector<CachedObject> objects_in(const cache::Directory& directory,
                                     const std::vector<std::string>& areas) {
  std::vector<CachedObject> objects;
  for (const std::string& area : areas) {
    for (const std::string& algorithm : directory.names_in(area)) {
      for (const std::string& name : directory.names_in(str_cat(area, "/", algorithm))) {
        auto digest = digest_of_name(area, algorithm, name);
        if (!digest) continue;
        CachedObject object{.area = area,
                            .path = str_cat(area, "/", algorithm, "/", name),
                            .digest = *std::move(digest)};
        const auto status = directory.status(object.path);
        if (!status || !S_ISREG(status->st_mode)) continue;
        object.bytes = static_cast<std::uint64_t>(status->st_size);
        object.used_ns = to_nanoseconds(status->st_mtim);
        const auto used = directory.status(name_beside("used", object.digest));
        if (area != "partial" && used) object.used_ns = to_nanoseconds(used->st_mtim);
        objects.push_back(std::move(object));
      }
    }
  }
  std::ranges::sort(objects, {}, &CachedObject::used_ns);
  return objects;
}

cache::Directory open_cache(const std::string& path) {
  std::error_code problem;
  const std::filesystem::path folder = std::filesystem::absolute(path, problem);
  // A `Directory` makes the folder; here, one that is missing is a mistake.
  if (problem || !std::filesystem::is_directory(folder, problem)) {
    throw Error(Errc::not_found, str_cat("there is no cache at ", path));
  }
  if (!std::filesystem::is_regular_file(folder / "CACHEDIR.TAG", problem)) {
    throw Error(Errc::unsupported,
                str_cat(path, " is no cache of digestfs: it has no CACHEDIR.TAG"));
  }
  return cache::Directory(folder.lexically_normal());
}

Removal remove_unused(const cache::Directory& directory, const CachedObject& object) {
  const auto file = directory.open(object.path);
  // The lock is held until the name is gone, so that nobody begins to use the file meanwhile.
  if (file && (cache::is_in_use(file->get()) || !directory.is_named(object.path, file->get()))) {
    return Removal::in_use;
  }
  if (!directory.remove(object.path)) return Removal::failed;
  remove_hints(directory, object);
  return Removal::removed;
}

Removal remove_damaged(const cache::Directory& directory, const CachedObject& object, int damaged) {
  // Somebody may have put a good file there meanwhile.
  if (!directory.is_named(object.path, damaged)) return Removal::removed;
  if (!directory.remove(object.path)) return Removal::failed;
  remove_hints(directory, object);
  return Removal::removed;
}

}  // namespace digestfs::companions
