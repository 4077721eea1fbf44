// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "registry/local/folder.h"
#include "registry/local/last_reading.h"
#include "registry/local/layout_index.h"
#include "registry/source.h"

namespace digestfs::registry {

/// An OCI image layout on disk as a source (image-spec image-layout.md; LOC-1). Every list and
/// every resolution reads `index.json` anew, so that what `skopeo copy … oci:` adds is seen.
///
/// `layout_names` says what its tags are. A fifo or a device in place of a blob causes no hang.
class OciLayout final : public Source {
 public:
  /// Throws `Errc::not_found` if `directory` does not exist or has no file `oci-layout`, `denied`
  /// if it cannot be opened, and `corrupt` if it is a layout that cannot be read. The message says
  /// what is wrong.
  explicit OciLayout(const std::filesystem::path& directory);

  [[nodiscard]] const std::string& name() const override { return name_; }
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
  [[nodiscard]] std::shared_ptr<const LayoutNames> names();

  // Constant after construction.
  std::string name_;
  Folder folder_;
  // Synchronises itself.
  LastReading<LayoutNames> index_;
};

}  // namespace digestfs::registry
