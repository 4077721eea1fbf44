// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "registry/local/containers/store_location.h"
#include "registry/repositories.h"

namespace digestfs::registry {

class ContainersStore;

/// The store of podman, buildah and CRI-O (LOC-4, LOC-5), read beside them and never written to.
///
/// A repository has the images of its name, with their manifests and configs as they are stored.
/// The store keeps the files of a layer and not the blob that was pulled. A layer's tar is put
/// together from them again, so that its diff_id names a blob here; the blob that a manifest names
/// is here only if it is that tar. An image is found by its digest, and also by its ID in place of
/// a tag, which for a list of images is random.
class ContainersStorage final : public Repositories {
 public:
  /// Throws `Errc::not_found` if there is no store, `denied` if it cannot be opened, and
  /// `unsupported` for a driver other than overlay and vfs.
  explicit ContainersStorage(const StoreLocation& location);

  [[nodiscard]] const std::string& name() const override;
  [[nodiscard]] RepositoryPage list(const std::optional<std::string>& page,
                                    const Request& request) override;
  [[nodiscard]] std::shared_ptr<Source> open(const std::string& name,
                                             const Request& request) override;
  [[nodiscard]] std::shared_ptr<Source> everything() override;

 private:
  // Constant after construction.
  std::shared_ptr<const ContainersStore> store_;
};

}  // namespace digestfs::registry
