// SPDX-License-Identifier: Apache-2.0
#include "registry/local/registry_disk.h"

#include <utility>

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
  path_ = absolute_path(directory).native();
  Folder given = Folder::open_source(str_cat("registry-storage:", path_), directory);
  root_ = given.folder(std::string(kInside), Links::followed);
  if (root_) return;
  if (!is_root(given)) {
    throw Error(Errc::not_found, str_cat("cannot open registry-storage:", path_,
                                         ": it is no registry's storage, it has no ", kInside));
  }
  root_ = std::move(given);
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
  Link link = read_link(repository, str_cat("_manifests/tags/", tag, "/current/link"));
  if (!link.target) return link;
  // The registry serves no manifest that is not among the revisions, either: that is how it deletes
  // one.
  Link manifest = revision(repository, *link.target);
  if (!manifest.target) {
    return {.problem = str_cat("its manifest ", *link.target, " is not there: ", manifest.problem)};
  }
  link.blob = std::move(manifest.blob);
  return link;
}

RegistryDisk::Link RegistryDisk::revision(const Folder& repository, const Digest& digest) const {
  return follow(repository, str_cat("_manifests/revisions/", algorithm_and_hex(digest), "/link"));
}

RegistryDisk::Link RegistryDisk::layer(const Folder& repository, const Digest& digest) const {
  return follow(repository, str_cat("_layers/", algorithm_and_hex(digest), "/link"));
}

/// Returns the digest that a link file holds.
RegistryDisk::Link RegistryDisk::read_link(const Folder& repository, const std::string& link) {
  std::optional<std::string> text;
  try {
    text = repository.read(link, kMaxLinkFile);
  } catch (const Error& error) {
    if (error.code() != Errc::too_large) throw;
    text = "";
  }
  if (!text) return {.problem = str_cat("there is no ", link), .exists = false};
  auto target = parse_link_file(*text);
  if (!target) return {.problem = str_cat(link, " holds no digest")};
  return {.target = std::move(target)};
}

RegistryDisk::Link RegistryDisk::follow(const Folder& repository, const std::string& link) const {
  Link found = read_link(repository, link);
  if (!found.target) return found;
  found.blob = blob(*found.target);
  if (found.blob) return found;
  return {.problem = str_cat(link, " leads to ", *found.target, ", and there is no such blob")};
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
