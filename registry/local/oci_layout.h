// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/fingerprint.h"
#include "base/guarded.h"
#include "registry/local/layout_index.h"
#include "registry/local/local_directory.h"
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

  [[nodiscard]] const std::string& name() const override { return directory_.name; }
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
  struct Read {
    Fingerprint fingerprint;  ///< of `index.json`
    std::shared_ptr<const LayoutNames> names;
  };

  [[nodiscard]] std::shared_ptr<const LayoutNames> names() const;

  // Constant after construction.
  LocalDirectory directory_;
  // Guarded by the lock it lives in: what was read last, for as long as the file stays the same.
  mutable Guarded<std::optional<Read>> read_;
};

}  // namespace digestfs::registry
