// SPDX-License-Identifier: Apache-2.0
#include "tools/companions/mount/image_directory.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "tools/companions/mount/files.h"
#include "tools/companions/mount/mount_table.h"

namespace digestfs::companions {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostNames = 8;  // in a message
constexpr int kDeepest = 64;           // directories between a mount and a repository
constexpr std::size_t kMaxTable = std::size_t{16} << 20U;

bool is_folder(const fs::path& path) {
  const auto status = status_of(path);
  return status && S_ISDIR(status->st_mode);
}

bool is_repository(const fs::path& path) {
  return is_folder(path / "tags") && is_folder(path / "images") && is_folder(path / "blobs");
}

std::string joined(const fs::path& folder, const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < kMostNames; ++i) {
    text += str_cat(i == 0 ? "" : ", ", (folder / names[i]).native());
  }
  if (names.size() > kMostNames) text += str_cat(" or ", names.size() - kMostNames, " others");
  return text;
}

[[noreturn]] void refuse(const fs::path& path) {
  if (!status_of(path)) {
    throw Error(Errc::not_found, str_cat("there is no ", path.native()));
  }
  if (!real_path(path)) {
    throw Error(Errc::not_found, str_cat("there is nothing where ", path.native(), " leads"));
  }
  const fs::path inner = is_repository(path) ? path : path / "_";
  if (is_repository(inner)) {
    const auto tags = names_in(inner / "tags").value_or(std::vector<std::string>());
    throw Error(Errc::unsupported, str_cat(path.native(), " is a repository and not an image",
                                           tags.empty() ? "" : "; name one of its tags: ",
                                           joined(inner / "tags", tags)));
  }
  throw Error(Errc::unsupported,
              str_cat(path.native(),
                      " is no image directory of a digestfs mount, which is like "
                      "MOUNT/tags/TAG or MOUNT/images/DIGEST"));
}

void collect(const fs::path& path, const std::string& name, int depth,
             std::vector<RepositoryDirectory>& found) {
  if (is_repository(path)) {
    found.push_back({path, name});
    return;
  }
  if (depth == kDeepest) return;
  const auto names = names_in(path).value_or(std::vector<std::string>());
  for (const std::string& entry : names) {
    if (entry.front() == '.' || !is_folder(path / entry)) continue;
    std::string below = name;
    if (entry != "_") below += str_cat(name.empty() || name.back() == '/' ? "" : "/", entry);
    collect(path / entry, below, depth + 1, found);
  }
}

/// Refuses `path` if it is inside a repository: the files of an image are no place to look for
/// repositories, whatever they are called. `real` is `path` without links.
void refuse_inside(const fs::path& path, const fs::path& real) {
  const fs::path top = mount_of(real);
  for (fs::path at = real; at != top && at.has_relative_path();) {
    at = at.parent_path();
    if (!is_repository(at)) continue;
    throw Error(Errc::unsupported, str_cat(path.native(), " is inside of the repository ",
                                           at.native(), "; name that, or the mount"));
  }
}

/// What repositories in a mount are called.
struct MountName {
  std::string source;  ///< what is mounted, or the path of the mount if the kernel does not tell
  std::string prefix;  ///< what the names of the repositories begin with
};

MountName name_of_mount(const fs::path& mount) {
  const auto real = real_path(mount).value_or(mount);
  std::string table;
  try {
    table = read_text("/proc/self/mountinfo", kMaxTable);
  } catch (const Error&) {
    return {mount.native(), mount.native()};
  }
  const fs::path top = mount_of(real);
  auto source = source_of_mount(table, top);
  if (!source) return {mount.native(), mount.native()};
  constexpr std::string_view kTransport = "docker://";
  const bool is_registry = source->starts_with(kTransport);
  if (is_registry) source->erase(0, kTransport.size());
  // In a store or an archive of several repositories their paths are their full names.
  std::string prefix = is_registry || is_repository(top) ? *source : "";
  fs::path below = real.lexically_relative(top);
  if (below.filename() == "_") below = below.parent_path();
  if (!below.empty() && below != ".") {
    prefix += str_cat(prefix.empty() || prefix.back() == '/' ? "" : "/", below.native());
  }
  return {*std::move(source), std::move(prefix)};
}

}  // namespace

std::optional<Digest> linked_digest(const fs::path& directory, const std::string& name) {
  const auto target = link_target(directory / name);
  if (!target) return std::nullopt;
  return Digest::parse(fs::path(*target).filename().native());
}

ImageDirectory find_image(const fs::path& path) {
  const auto target = link_target(path / "manifest.json");
  if (!target) refuse(path);
  const fs::path document(*target);
  const auto digest = Digest::parse(document.filename().native());
  const std::string kind = document.parent_path().filename().native();
  if (!digest || (kind != "indexes" && kind != "manifests")) refuse(path);
  const auto real = real_path(path);
  if (!real) refuse(path);
  return {.path = path,
          .place = path,
          .repository = (*real / document).lexically_normal().parent_path().parent_path(),
          .digest = *digest,
          .is_index = kind == "indexes"};
}

ImageDirectory by_digest(ImageDirectory image) {
  fs::path place = image.repository / "images" / image.digest.str();
  if (is_folder(place)) image.place = std::move(place);
  return image;
}

std::vector<std::string> platform_names(const ImageDirectory& image) {
  return names_in(image.place / "platforms").value_or(std::vector<std::string>());
}

std::string index_instead_of_image(const ImageDirectory& image) {
  const auto names = platform_names(image);
  return str_cat(image.path.native(), " is an index and not an image",
                 names.empty() ? "; it has no platforms" : "; name one of its platforms: ",
                 joined(image.path / "platforms", names));
}

std::vector<RepositoryDirectory> find_repositories(const fs::path& mount) {
  if (!status_of(mount)) throw Error(Errc::not_found, str_cat("there is no ", mount.native()));
  const auto is_mount = [](const fs::path& path) {
    return is_repository(path) || is_folder(path / ".digestfs");
  };
  const auto real = real_path(mount).value_or(mount);
  if (!is_mount(mount) && !is_mount(mount / "_") && !is_mount(mount_of(real))) {
    throw Error(Errc::unsupported,
                str_cat(mount.native(), " is no mount of digestfs: it has no tags/"));
  }
  refuse_inside(mount, real);
  std::vector<RepositoryDirectory> found;
  const MountName name = name_of_mount(mount);
  collect(mount, name.prefix, 0, found);
  for (RepositoryDirectory& repository : found) {
    // The repository that holds everything, named or not.
    if (repository.name.empty()) repository.name = name.source;
  }
  return found;
}

fs::path mount_of(const fs::path& repository) {
  fs::path path = repository;
  for (int depth = 0; depth < kDeepest && path.has_relative_path(); ++depth) {
    if (is_folder(path / ".digestfs")) return path;
    path = path.parent_path();
  }
  return repository;
}

}  // namespace digestfs::companions
