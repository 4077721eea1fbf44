// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/handle.h"
#include "base/request.h"
#include "registry/local/folder.h"

namespace digestfs::registry {

/// The folders and link files in which a docker-registry keeps what it serves (LOC-6), below its
/// `docker/registry/v2`. A running registry may write there meanwhile. Safe for concurrent use.
class RegistryDisk {
 public:
  /// What a link file leads to.
  struct Link {
    std::optional<Digest> target = {};  ///< Absent if the link is absent or broken.
    std::optional<UniqueFd> blob = {};  ///< The target, open for reading.
    std::string problem = {};           ///< Why the target is absent, in words.
    bool exists = true;                 ///< False if there is no link file.
  };

  /// `directory` is the registry's `rootdirectory`, or the `docker/registry/v2` in it. Throws
  /// `Errc::not_found` if it is neither, and `denied` if it cannot be opened.
  explicit RegistryDisk(const std::filesystem::path& directory);

  /// The absolute path of `directory`, as messages name it.
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  /// Opens the folder in which all repositories are, or returns nothing if there is none yet.
  [[nodiscard]] std::optional<Folder> repositories() const;
  /// Opens the folder of the repository `name`, or returns nothing if there is no such repository.
  [[nodiscard]] std::optional<Folder> repository(const std::string& name) const;
  /// Returns true if `folder` is a repository.
  [[nodiscard]] static bool is_repository(const Folder& folder);

  /// Opens a blob, whatever repository it belongs to. Returns nothing if there is none.
  [[nodiscard]] std::optional<UniqueFd> blob(const Digest& digest) const;

  /// Returns what the tag `tag` of `repository` names.
  [[nodiscard]] Link tag(const Folder& repository, const std::string& tag) const;
  /// Returns the manifest `digest`, if `repository` has it.
  [[nodiscard]] Link revision(const Folder& repository, const Digest& digest) const;
  /// Returns the blob `digest`, if `repository` has it.
  [[nodiscard]] Link layer(const Folder& repository, const Digest& digest) const;
  /// Returns the digests of all manifests of `repository`. Some may be broken links.
  [[nodiscard]] static std::vector<Digest> revisions(const Folder& repository,
                                                     const Request& request);

 private:
  [[nodiscard]] Link follow(const Folder& repository, const std::string& link) const;
  [[nodiscard]] static Link read_link(const Folder& repository, const std::string& link);

  // Constant after construction.
  std::string path_;
  std::optional<Folder> root_;
};

}  // namespace digestfs::registry
