// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <stop_token>
#include <string>

#include "registry/local/archive/archive_file.h"
#include "registry/local/layout_index.h"
#include "registry/source.h"

namespace digestfs::registry {

/// An OCI image layout in a tar as a source: what `skopeo copy … oci-archive:` and `podman save
/// --format oci-archive` write, and `docker save` since Docker 25 (LOC-1). `layout_names` says what
/// its tags are. The archive is read once, when it is opened. Its `index.json` may have 4 MiB
/// (MT-5), because an archive may be somebody else's.
class OciArchive final : public Source {
 public:
  /// Throws as `ArchiveFile`, and `Errc::not_found` if the archive has no file `oci-layout`, and
  /// `corrupt` if it is a layout that cannot be read.
  explicit OciArchive(const std::filesystem::path& file, const std::stop_token& stop = {});

  [[nodiscard]] const std::string& name() const override { return archive_.name(); }
  [[nodiscard]] TagPage list_tags(const std::optional<std::string>& page,
                                  const Request& request) override;
  [[nodiscard]] std::optional<Descriptor> resolve(const std::string& tag,
                                                  const Request& request) override;
  [[nodiscard]] std::optional<std::vector<Descriptor>> list_referrers(
      const Digest& subject, const Request& request) override;
  [[nodiscard]] std::optional<ObjectInfo> find(Endpoint endpoint, const Digest& digest,
                                               const Request& request) override;
  void fetch(Endpoint endpoint, const Digest& digest, const Range& range, ObjectSink& sink,
             const Request& request) override;

 private:
  // Constant after construction.
  ArchiveFile archive_;
  LayoutNames names_;
};

}  // namespace digestfs::registry
