// SPDX-License-Identifier: Apache-2.0
#include "registry/local/registry_storage.h"

#include <set>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "registry/image/manifest.h"
#include "registry/image/reference.h"
#include "registry/local/document_type.h"
#include "registry/local/file_part.h"
#include "registry/local/left_out_list.h"

namespace digestfs::registry {
namespace {

constexpr std::size_t kMaxNames = 1'000'000;
constexpr std::size_t kMaxRepositories = 100'000;
constexpr int kMaxDepth = 64;

void check_stop(const Request& request) {
  if (request.stop.stop_requested()) throw Error(Errc::interrupted, "stopped while listing");
}

Error no_object(const std::string& source, const Digest& digest) {
  return {Errc::not_found, str_cat(source, " has no ", digest)};
}

/// Lists the repositories of a registry's storage. Names nest: `a` and `a/b` may both exist.
class RepositoryWalk {
 public:
  explicit RepositoryWalk(const Request& request) : request_(request) {}

  /// A folder that cannot be read is left out; its siblings stay.
  void walk(const Folder& folder, const std::string& name, int depth) try {
    check_stop(request_);
    if (!page_.cut.empty()) return;
    if (!name.empty() && RegistryDisk::is_repository(folder)) {
      if (page_.names.size() == kMaxRepositories) {
        page_.cut = str_cat("there are more than ", kMaxRepositories, " repositories");
        return;
      }
      page_.names.push_back(name);
    }
    for (const std::string& entry : folder.names(kMaxNames)) {
      if (entry.starts_with('_')) continue;  // the registry's own
      const std::string path = name.empty() ? entry : str_cat(name, "/", entry);
      if (!is_repository_path(path)) {
        left_out_.add(path, "it is no name of a repository");
      } else if (depth == kMaxDepth) {
        left_out_.add(path, str_cat("it has more than ", kMaxDepth, " components"));
      } else {
        enter(folder, entry, path, depth);
      }
    }
  } catch (const Error& error) {
    if (name.empty() || error.code() == Errc::interrupted) throw;
    left_out_.add(name, error.what());
  } catch (const std::system_error& error) {
    if (name.empty()) throw;
    left_out_.add(name, error.what());
  }

  [[nodiscard]] RepositoryPage take() && {
    page_.left_out = std::move(left_out_).take();
    return std::move(page_);
  }

 private:
  void enter(const Folder& folder, const std::string& entry, const std::string& path, int depth) {
    try {
      if (const auto inside = folder.folder(entry, Links::refused)) {
        walk(*inside, path, depth + 1);
      } else if (folder.has_folder(entry)) {
        left_out_.add(path, "it is a link");
      }
    } catch (const Error& error) {
      if (error.code() == Errc::interrupted) throw;
      left_out_.add(path, error.what());
    }
  }

  const Request& request_;
  RepositoryPage page_;
  LeftOutList left_out_{"repositories"};
};

RepositoryPage list_repositories(const RegistryDisk& disk, const Request& request) {
  RepositoryWalk walk(request);
  if (const auto folder = disk.repositories()) walk.walk(*folder, "", 0);
  return std::move(walk).take();
}

/// Describes the manifest in `blob` without reading it.
Descriptor describe(const Digest& digest, const UniqueFd& blob) {
  Descriptor descriptor{digest};
  descriptor.size = whole_file(blob.get()).size;
  return descriptor;
}

/// What every source of a registry's storage does alike. Objects have no media types there.
class StorageSource : public Source {
 public:
  StorageSource(std::shared_ptr<const RegistryDisk> disk, std::string name)
      : disk_(std::move(disk)), name_(std::move(name)) {}

  [[nodiscard]] const std::string& name() const override { return name_; }

  [[nodiscard]] std::optional<std::vector<Descriptor>> list_referrers(
      const Digest& /*subject*/, const Request& /*request*/) override {
    return std::nullopt;  // docker-registry keeps no such list; a tag may hold it
  }

  [[nodiscard]] std::optional<ObjectInfo> find(Endpoint endpoint, const Digest& digest,
                                               const Request& /*request*/) override {
    const auto blob = open_object(endpoint, digest);
    if (!blob) return std::nullopt;
    return ObjectInfo{whole_file(blob->get()).size};
  }

  void fetch(Endpoint endpoint, const Digest& digest, const Range& range, ObjectSink& sink,
             const Request& request) override {
    const auto blob = open_object(endpoint, digest);
    if (!blob) throw no_object(name_, digest);
    send(whole_file(blob->get()), range, sink, request);
  }

 protected:
  [[nodiscard]] virtual std::optional<UniqueFd> open_object(Endpoint endpoint,
                                                            const Digest& digest) = 0;
  [[nodiscard]] const RegistryDisk& disk() const { return *disk_; }

 private:
  // Constant after construction.
  std::shared_ptr<const RegistryDisk> disk_;
  std::string name_;
};

/// One repository of a registry's storage.
class StorageRepository final : public StorageSource {
 public:
  StorageRepository(const std::shared_ptr<const RegistryDisk>& disk, std::string repository)
      : StorageSource(disk, str_cat("registry-storage:", disk->path(), ":", repository)),
        repository_(std::move(repository)) {}

  [[nodiscard]] TagPage list_tags(const std::optional<std::string>& /*page*/,
                                  const Request& request) override {
    const auto folder = disk().repository(repository_);
    if (!folder) throw Error(Errc::not_found, str_cat("there is no ", name()));
    TagPage page;
    LeftOutList left_out(repository_);
    std::set<Digest> tagged;
    if (const auto tags = folder->folder("_manifests/tags", Links::followed)) {
      for (const std::string& tag : tags->names(kMaxNames)) {
        check_stop(request);
        if (!is_tag(tag)) {
          left_out.add(tag, "it is no tag");
          continue;
        }
        RegistryDisk::Link link = disk().tag(*folder, tag);
        if (link.target) {
          tagged.insert(*std::move(link.target));
          page.tags.push_back(tag);
        } else {
          left_out.add(tag, link.problem);
        }
      }
    }
    for (const Digest& digest : RegistryDisk::revisions(*folder, request)) {
      check_stop(request);
      if (tagged.contains(digest)) continue;
      const auto link = disk().revision(*folder, digest);
      if (link.blob) {
        page.untagged.push_back(describe(digest, *link.blob));
      } else if (link.exists) {  // a manifest that the registry deleted has no link
        left_out.add(digest.str(), link.problem);
      }
    }
    page.left_out = std::move(left_out).take();
    return page;
  }

  [[nodiscard]] std::optional<Descriptor> resolve(const std::string& tag,
                                                  const Request& /*request*/) override {
    const auto folder = disk().repository(repository_);
    if (!folder) return std::nullopt;
    const auto link = disk().tag(*folder, tag);
    if (!link.blob) return std::nullopt;
    Descriptor descriptor = describe(*link.target, *link.blob);
    if (*descriptor.size <= kMaxManifestBytes) {
      descriptor.media_type = document_type(read_rest(link.blob->get(), kMaxManifestBytes));
    }
    return descriptor;
  }

 private:
  [[nodiscard]] std::optional<UniqueFd> open_object(Endpoint endpoint,
                                                    const Digest& digest) override {
    const auto folder = disk().repository(repository_);
    if (!folder) return std::nullopt;
    RegistryDisk::Link link;
    if (endpoint == Endpoint::manifests) link = disk().revision(*folder, digest);
    // Old registries kept the links of manifests among those of the layers.
    if (!link.target) link = disk().layer(*folder, digest);
    return std::move(link.blob);
  }

  // Constant after construction.
  std::string repository_;
};

/// All manifests and blobs of a registry's storage, whatever repository they belong to.
class WholeStorage final : public StorageSource {
 public:
  explicit WholeStorage(const std::shared_ptr<const RegistryDisk>& disk)
      : StorageSource(disk, str_cat("registry-storage:", disk->path())) {}

  [[nodiscard]] TagPage list_tags(const std::optional<std::string>& /*page*/,
                                  const Request& request) override {
    RepositoryPage repositories = list_repositories(disk(), request);
    TagPage page;
    std::set<Digest> seen;
    for (const std::string& name : repositories.names) {
      const auto folder = disk().repository(name);
      if (!folder) continue;
      for (const Digest& digest : RegistryDisk::revisions(*folder, request)) {
        check_stop(request);
        if (seen.contains(digest)) continue;
        const auto link = disk().revision(*folder, digest);
        if (!link.blob) continue;
        seen.insert(digest);
        page.untagged.push_back(describe(digest, *link.blob));
      }
    }
    page.left_out = std::move(repositories.left_out);
    page.cut = std::move(repositories.cut);
    return page;
  }

  [[nodiscard]] std::optional<Descriptor> resolve(const std::string& /*tag*/,
                                                  const Request& /*request*/) override {
    return std::nullopt;
  }

 private:
  [[nodiscard]] std::optional<UniqueFd> open_object(Endpoint /*endpoint*/,
                                                    const Digest& digest) override {
    return disk().blob(digest);
  }
};

}  // namespace

RegistryStorage::RegistryStorage(const std::filesystem::path& directory)
    : disk_(std::make_shared<const RegistryDisk>(directory)),
      name_(str_cat("registry-storage:", disk_->path())) {}

const std::string& RegistryStorage::name() const { return name_; }

RepositoryPage RegistryStorage::list(const std::optional<std::string>& /*page*/,
                                     const Request& request) {
  return list_repositories(*disk_, request);
}

std::shared_ptr<Source> RegistryStorage::open(const std::string& name, const Request& /*request*/) {
  if (!is_repository_path(name) || !disk_->repository(name)) return nullptr;
  return std::make_shared<StorageRepository>(disk_, name);
}

std::shared_ptr<Source> RegistryStorage::everything() {
  return std::make_shared<WholeStorage>(disk_);
}

}  // namespace digestfs::registry
