// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/handle.h"
#include "registry/local/folder.h"
#include "registry/local/last_reading.h"
#include "registry/source.h"

namespace digestfs::registry {

/// A directory that `skopeo copy … dir:` wrote, as a source (LOC-3): one image or index without a
/// tag. Its `manifest.json` is read again whenever it has changed, so that another copy into the
/// directory is seen. Its files are named by the hex of their digests, those of an index's
/// manifests with `.manifest.json` after it.
class DirLayout final : public Source {
 public:
  /// Throws `Errc::not_found` if `directory` does not exist or has no file `manifest.json`,
  /// `denied` if it cannot be opened, and `corrupt` if its manifest cannot be read. The message
  /// says what is wrong.
  explicit DirLayout(const std::filesystem::path& directory);

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
  struct OwnManifest {
    std::string bytes;
    Digest digest;  ///< by the usual algorithm
  };

  [[nodiscard]] std::shared_ptr<const OwnManifest> manifest();
  [[nodiscard]] std::shared_ptr<const OwnManifest> find_manifest(const Digest& digest);
  [[nodiscard]] std::optional<UniqueFd> open_object(const Digest& digest) const;

  // Constant after construction.
  std::string name_;
  Folder folder_;
  // Synchronises itself.
  LastReading<OwnManifest> manifest_;
};

}  // namespace digestfs::registry
