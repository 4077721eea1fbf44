// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "registry/repositories.h"

namespace digestfs::registry {

/// An archive of `docker save` or `podman save` (LOC-2), whose images may be of several
/// repositories. `read_docker_images` says what is in it. The archive is read once, when it is
/// opened. A layer that is compressed in it is sent decompressed, and always from its beginning.
///
/// The source of a repository sends every object of the archive, those of other repositories
/// included: the archive does not say which repository an object belongs to.
class DockerArchive final : public Repositories {
 public:
  /// Throws as `ArchiveFile` and `read_docker_images`.
  explicit DockerArchive(const std::filesystem::path& file, const std::stop_token& stop = {});

  [[nodiscard]] const std::string& name() const override;
  [[nodiscard]] RepositoryPage list(const std::optional<std::string>& page,
                                    const Request& request) override;
  /// `name` is a full name as `list` gives it: `docker.io/library/alpine`, not `alpine`.
  [[nodiscard]] std::shared_ptr<Source> open(const std::string& name,
                                             const Request& request) override;
  [[nodiscard]] std::shared_ptr<Source> everything() override;

 private:
  class Archive;
  class ArchiveSource;
  class Repository;
  class Everything;

  // Constant after construction.
  std::shared_ptr<const Archive> archive_;
};

}  // namespace digestfs::registry
