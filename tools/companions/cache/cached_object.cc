// SPDX-License-Identifier: Apache-2.0
#include "tools/companions/cache/cached_object.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "cache/disk/hints.h"
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

/// Returns the name of an object in its area.
std::string name_of(const Digest& digest) {
  return str_cat(digest.algorithm(), "/", digest.encoded());
}

/// Removes what is kept beside an object, once it is gone.
void remove_hints(const cache::Directory& directory, const CachedObject& object) {
  if (object.area != "partial") cache::remove_beside(directory, name_of(object.digest));
}

/// Throws `Error` if the names in a folder of the cache cannot be read. `Directory::names_in` has
/// none then, and what is in the folder would count as missing.
void expect_readable(const cache::Directory& directory, const std::string& folder) {
  const auto why = directory.why_unreadable(folder);
  if (!why) return;
  throw Error(Errc::denied,
              str_cat("cannot list ", (directory.path() / folder).native(), ": ", *why));
}

/// Returns the beginning of the CACHEDIR.TAG, or nothing if there is none. Throws `Error` if that
/// cannot be found out.
std::optional<std::string> cache_tag(const cache::Directory& directory) {
  constexpr std::size_t kMost = 4096;
  const std::string name = "CACHEDIR.TAG";
  if (const auto file = directory.open(name)) {
    std::array<std::byte, kMost> bytes{};
    return std::string(as_text(std::span(bytes).first(read_at(file->get(), bytes, 0))));
  }
  if (const auto why = directory.why_unreadable(name)) {
    throw Error(Errc::denied,
                str_cat("cannot read ", (directory.path() / name).native(), ": ", *why));
  }
  return std::nullopt;
}

/// Returns true if digestfs wrote `tag`: other programs mark their caches in the same way, as
/// https://bford.info/cachedir/ prescribes, and say in a comment which program it was.
bool is_our_tag(std::string_view tag) {
  return tag.starts_with("Signature: 8a477f597d28d172789f06886806bc55\n") &&
         tag.find("\n# Verified content of container registries, kept by digestfs(1).") !=
             std::string_view::npos;
}

}  // namespace

std::vector<CachedObject> objects_in(const cache::Directory& directory,
                                     const std::vector<std::string>& areas) {
  std::vector<CachedObject> objects;
  for (const std::string& area : areas) {
    expect_readable(directory, area);
    for (const std::string& algorithm : directory.names_in(area)) {
      expect_readable(directory, str_cat(area, "/", algorithm));
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
        if (area != "partial") {
          const std::string own_name = name_of(object.digest);
          const auto used = directory.status(str_cat("used/", own_name));
          if (used) object.used_ns = to_nanoseconds(used->st_mtim);
          object.beside = cache::bytes_beside(directory, own_name);
        }
        objects.push_back(std::move(object));
      }
    }
  }
  std::ranges::sort(objects, {}, &CachedObject::used_ns);
  return objects;
}

std::unique_ptr<const cache::Directory> open_cache(const std::string& path) {
  std::error_code problem;
  const std::filesystem::path folder = std::filesystem::absolute(path, problem);
  // A `Directory` makes the folder; here, one that is missing is a mistake.
  const auto type =
      problem ? std::filesystem::file_type::none : std::filesystem::status(folder, problem).type();
  if (type == std::filesystem::file_type::none) {
    throw Error(Errc::denied, str_cat("cannot look at ", path, ": ", problem.message()));
  }
  if (type != std::filesystem::file_type::directory) {
    throw Error(Errc::not_found, str_cat("there is no cache at ", path));
  }
  std::unique_ptr<const cache::Directory> directory;
  try {
    directory = std::make_unique<const cache::Directory>(folder.lexically_normal());
  } catch (const std::system_error& error) {
    throw Error(Errc::denied, error.what());
  }
  const auto tag = cache_tag(*directory);
  if (!tag || !is_our_tag(*tag)) {
    throw Error(Errc::unsupported,
                str_cat(path, " is no cache of digestfs: ",
                        tag ? "its CACHEDIR.TAG is another program's" : "it has no CACHEDIR.TAG"));
  }
  return directory;
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
