// SPDX-License-Identifier: Apache-2.0
#include "registry/local/registry_disk.h"

#include "base/error.h"
#include "base/text.h"
#include "registry/local/link_file.h"

namespace digestfs::registry {
namespace {

constexpr std::size_t kMaxEntries = 1'000'000;
constexpr std::string_view kInside = "docker/registry/v2";

bool is_root(const Folder& folder) {
  return folder.has_folder("repositories") || folder.has_folder("blobs");
}

std::string algorithm_and_hex(const Digest& digest) {
  return str_cat(digest.algorithm(), "/", digest.encoded());
}

}  // namespace

RegistryDisk::RegistryDisk(const std::filesystem::path& directory) {
  auto path = std::filesystem::absolute(directory).lexically_normal();
  // A slash at the end makes no other place.
  if (!path.has_filename() && path != path.root_path()) path = path.parent_path();
  path_ = path.native();
  const auto given = Folder::open(path);
  if (!given) {
    throw Error(Errc::not_found,
                str_cat("cannot open registry-storage:", path_, ": there is no such directory"));
  }
  root_ = given->folder(std::string(kInside), Links::followed);
  if (root_) return;
  if (!is_root(*given)) {
    throw Error(Errc::not_found, str_cat("cannot open registry-storage:", path_,
                                         ": it is no registry's storage, it has no ", kInside));
  }
  root_ = given->folder(".", Links::followed);
}

std::optional<Folder> RegistryDisk::repositories() const {
  return root_->folder("repositories", Links::followed);
}

std::optional<Folder> RegistryDisk::repository(const std::string& name) const {
  auto folder = root_->folder(str_cat("repositories/", name), Links::followed);
  if (folder && !is_repository(*folder)) folder.reset();
  return folder;
}

bool RegistryDisk::is_repository(const Folder& folder) { return folder.has_folder("_manifests"); }

std::optional<UniqueFd> RegistryDisk::blob(const Digest& digest) const {
  if (digest.encoded().size() < 2) return std::nullopt;
  return root_->file(str_cat("blobs/", digest.algorithm(), "/", digest.encoded().substr(0, 2), "/",
                             digest.encoded(), "/data"));
}

RegistryDisk::Link RegistryDisk::tag(const Folder& repository, const std::string& tag) const {
  Link link = follow(repository, str_cat("_manifests/tags/", tag, "/current/link"));
  if (!link.target) return link;
  // The registry serves no manifest that is not among the revisions, either: that is how it deletes
  // one.
  const Digest& digest = *link.target;
  const Link manifest = revision(repository, digest);
  if (manifest.target) return link;
  return {std::nullopt, str_cat("its manifest ", digest, " is not there: ", manifest.problem)};
}

RegistryDisk::Link RegistryDisk::revision(const Folder& repository, const Digest& digest) const {
  return follow(repository, str_cat("_manifests/revisions/", algorithm_and_hex(digest), "/link"));
}

RegistryDisk::Link RegistryDisk::layer(const Folder& repository, const Digest& digest) const {
  return follow(repository, str_cat("_layers/", algorithm_and_hex(digest), "/link"));
}

RegistryDisk::Link RegistryDisk::follow(const Folder& repository, const std::string& link) const {
  std::optional<std::string> text;
  try {
    text = repository.read(link, kMaxLinkFile);
  } catch (const Error& error) {
    if (error.code() != Errc::too_large) throw;
    text = "";
  }
  if (!text) return {std::nullopt, str_cat("there is no ", link)};
  auto target = parse_link_file(*text);
  if (!target) return {std::nullopt, str_cat(link, " holds no digest")};
  if (!blob(*target)) {
    return {std::nullopt, str_cat(link, " leads to ", *target, ", and there is no such blob")};
  }
  return {std::move(target), {}};
}

std::vector<Digest> RegistryDisk::revisions(const Folder& repository, const Request& request) {
  std::vector<Digest> found;
  const auto all = repository.folder("_manifests/revisions", Links::followed);
  if (!all) return found;
  for (const std::string& algorithm : all->names(kMaxEntries)) {
    const auto folder = all->folder(algorithm, Links::refused);
    if (!folder) continue;
    if (request.stop.stop_requested()) throw Error(Errc::interrupted, "stopped while listing");
    for (const std::string& hex : folder->names(kMaxEntries)) {
      if (auto digest = Digest::parse(str_cat(algorithm, ":", hex))) {
        found.push_back(*std::move(digest));
      }
    }
  }
  return found;
}

}  // namespace digestfs::registry
