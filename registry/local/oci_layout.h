// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "base/handle.h"
#include "registry/source.h"

namespace digestfs::registry {

/// An OCI image layout on disk as a source (image-spec image-layout.md; LOC-1). `index.json` is
/// read anew for every list and every resolution, so that what `skopeo copy … oci:` adds is seen.
/// Tags are the `org.opencontainers.image.ref.name` annotations of its descriptors: as they are
/// where they match the tag grammar; the tag of a full reference (`docker.io/library/x:1`) where no
/// other descriptor has that name; the first of several equal ones wins, the others are left out
/// with the reason. Blobs are opened without following a fifo or device into a hang.
class OciLayout final : public Source {
 public:
  /// Throws `Errc::not_found` where `directory` does not exist, `Errc::corrupt` where it is no
  /// image layout; the message says what is missing.
  explicit OciLayout(const std::filesystem::path& directory);

  [[nodiscard]] const std::string& name() const override;
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
  std::string name_;
  UniqueFd directory_;
};

}  // namespace digestfs::registry
