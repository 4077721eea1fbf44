// SPDX-License-Identifier: Apache-2.0
#include "registry/local/docker_archive.h"

#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "registry/local/archive/archive_file.h"
#include "registry/local/archive/docker_images.h"
#include "registry/local/archive/inflation.h"
#include "registry/local/file_part.h"
#include "registry/local/layout_index.h"

namespace digestfs::registry {
namespace {

/// What `Source::made` says of every manifest that is made.
constexpr const char* kMade =
    "the archive keeps no manifest of this image; digestfs made this one as skopeo makes it";

}  // namespace

/// The archive and what is in it, which all of its sources share.
class DockerArchive::Archive {
 public:
  Archive(const std::filesystem::path& file, const std::stop_token& stop)
      : file_("docker-archive:", file, stop), images_(read_docker_images(file_, stop)) {}

  [[nodiscard]] const std::string& name() const noexcept { return file_.name(); }
  [[nodiscard]] const DockerImages& images() const noexcept { return images_; }

  [[nodiscard]] std::optional<ObjectInfo> find(const Digest& digest) const {
    if (const auto at = images_.objects.find(digest); at != images_.objects.end()) {
      return ObjectInfo{at->second.size};
    }
    const auto member = file_.index().find(layout_path(digest));
    if (!member) return std::nullopt;
    return ObjectInfo{member->size};
  }

  void fetch(const Digest& digest, const Range& range, ObjectSink& sink,
             const Request& request) const {
    if (const auto at = images_.objects.find(digest); at != images_.objects.end()) {
      fetch_object(at->second, range, sink, request);
      return;
    }
    const auto member = file_.index().find(layout_path(digest));
    if (!member) throw Error(Errc::not_found, str_cat(name(), " has no file of ", digest));
    send(file_.part(*member), range, sink, request);
  }

  [[nodiscard]] std::string made(const Digest& digest) const {
    const auto at = images_.objects.find(digest);
    return at != images_.objects.end() && at->second.made ? kMade : "";
  }

 private:
  void fetch_object(const DockerObject& object, const Range& range, ObjectSink& sink,
                    const Request& request) const {
    if (object.made) {
      send(*object.made, range, sink);
      return;
    }
    const FilePart part = file_.part(object.member);
    if (object.compression == archive::Compression::none) {
      send(part, range, sink, request);
      return;
    }
    sink.begin({0, object.size});
    InflationBudget budget(object.size);
    inflate(part, object.compression, sink, budget, request.stop);
  }

  // Constant after construction.
  ArchiveFile file_;
  DockerImages images_;
};

/// What all sources of an archive have in common.
class DockerArchive::ArchiveSource : public Source {
 public:
  ArchiveSource(std::shared_ptr<const Archive> archive, std::string name)
      : archive_(std::move(archive)), name_(std::move(name)) {}

  [[nodiscard]] const std::string& name() const final { return name_; }
  [[nodiscard]] std::optional<std::vector<Descriptor>> list_referrers(
      const Digest& /*subject*/, const Request& /*request*/) final {
    return std::nullopt;
  }
  [[nodiscard]] std::optional<ObjectInfo> find(Endpoint /*endpoint*/, const Digest& digest,
                                               const Request& /*request*/) final {
    return archive_->find(digest);
  }
  void fetch(Endpoint /*endpoint*/, const Digest& digest, const Range& range, ObjectSink& sink,
             const Request& request) final {
    archive_->fetch(digest, range, sink, request);
  }
  [[nodiscard]] std::string made(const Digest& digest) const final {
    return archive_->made(digest);
  }

 protected:
  [[nodiscard]] const DockerImages& images() const noexcept { return archive_->images(); }

 private:
  // Constant after construction.
  std::shared_ptr<const Archive> archive_;
  std::string name_;
};

/// The tags of one repository.
class DockerArchive::Repository final : public ArchiveSource {
 public:
  /// `tags` belongs to the archive.
  Repository(std::shared_ptr<const Archive> archive, const std::string& repository,
             const DockerImages::Tags& tags)
      : ArchiveSource(archive, str_cat(archive->name(), ":", repository)), tags_(tags) {}

  [[nodiscard]] TagPage list_tags(const std::optional<std::string>& /*page*/,
                                  const Request& /*request*/) override {
    TagPage page;
    for (const auto& [tag, image] : tags_) page.tags.push_back(tag);
    return page;
  }
  [[nodiscard]] std::optional<Descriptor> resolve(const std::string& tag,
                                                  const Request& /*request*/) override {
    const auto at = tags_.find(tag);
    if (at == tags_.end()) return std::nullopt;
    return at->second;
  }

 private:
  const DockerImages::Tags& tags_;
};

/// All images, without their names.
class DockerArchive::Everything final : public ArchiveSource {
 public:
  explicit Everything(std::shared_ptr<const Archive> archive)
      : ArchiveSource(archive, archive->name()) {}

  [[nodiscard]] TagPage list_tags(const std::optional<std::string>& /*page*/,
                                  const Request& /*request*/) override {
    TagPage page;
    page.untagged = images().images;
    page.left_out = images().left_out;
    return page;
  }
  [[nodiscard]] std::optional<Descriptor> resolve(const std::string& /*tag*/,
                                                  const Request& /*request*/) override {
    return std::nullopt;
  }
};

DockerArchive::DockerArchive(const std::filesystem::path& file, const std::stop_token& stop)
    : archive_(std::make_shared<const Archive>(file, stop)) {}

const std::string& DockerArchive::name() const { return archive_->name(); }

RepositoryPage DockerArchive::list(const std::optional<std::string>& /*page*/,
                                   const Request& /*request*/) {
  RepositoryPage page;
  for (const auto& [repository, tags] : archive_->images().repositories) {
    page.names.push_back(repository);
  }
  page.left_out = archive_->images().left_out;
  return page;
}

std::shared_ptr<Source> DockerArchive::open(const std::string& name, const Request& /*request*/) {
  const auto& repositories = archive_->images().repositories;
  const auto at = repositories.find(name);
  if (at == repositories.end()) return nullptr;
  return std::make_shared<Repository>(archive_, at->first, at->second);
}

std::shared_ptr<Source> DockerArchive::everything() {
  return std::make_shared<Everything>(archive_);
}

}  // namespace digestfs::registry
