// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "registry/local/registry_disk.h"
#include "registry/repositories.h"

namespace digestfs::registry {

/// The storage of a docker-registry, read from its disk beside the running registry (LOC-6).
/// A repository has what its link files name, as the registry itself would serve it. A broken link,
/// an odd name and an upload that is under way are no failures: they are left out, with a reason
/// where they have a name.
class RegistryStorage final : public Repositories {
 public:
  /// `directory` is the registry's `rootdirectory`, or the `docker/registry/v2` in it. Throws
  /// `Errc::not_found` if it is neither, and `denied` if it cannot be opened.
  explicit RegistryStorage(const std::filesystem::path& directory);

  [[nodiscard]] const std::string& name() const override;
  [[nodiscard]] RepositoryPage list(const std::optional<std::string>& page,
                                    const Request& request) override;
  [[nodiscard]] std::shared_ptr<Source> open(const std::string& name,
                                             const Request& request) override;
  [[nodiscard]] std::shared_ptr<Source> everything() override;

 private:
  // Constant after construction.
  std::shared_ptr<const RegistryDisk> disk_;
  std::string name_;
};

}  // namespace digestfs::registry
