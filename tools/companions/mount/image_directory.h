// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"

// The directories of a mount that this program is given: images, and what they are in.

namespace digestfs::companions {

/// An image directory of a mount: `tags/<tag>`, `images/<digest>`, or what a link of `platforms/`
/// leads to.
struct ImageDirectory {
  std::filesystem::path path = {};  ///< as the user named it, for messages
  /// Where it is read: `path`, or what `by_digest` puts there.
  std::filesystem::path place = {};
  std::filesystem::path repository =
      {};         ///< the directory that has `tags/` and `images/`; no links
  Digest digest;  ///< of the index or manifest
  bool is_index = false;
};

/// Finds out what is at `path`. Throws `Error` if it is no image directory, and says what to name
/// instead if that is known.
[[nodiscard]] ImageDirectory find_image(const std::filesystem::path& path);

/// Returns `image` with `images/<digest>` as the place where it is read, so that it stays the image
/// that it is now, also if its tag comes to name another. Keeps the place if the repository has no
/// such directory, as a copy of a mount may.
[[nodiscard]] ImageDirectory by_digest(ImageDirectory image);

/// Returns the link of `directory` with this name, such as `platforms/linux_amd64`, as the digest
/// that it leads to. Returns nothing if there is no such link, or it leads to no digest.
[[nodiscard]] std::optional<Digest> linked_digest(const std::filesystem::path& directory,
                                                  const std::string& name);

/// Returns the names in `platforms/` of an index, or of a tag.
[[nodiscard]] std::vector<std::string> platform_names(const ImageDirectory& image);

/// Returns the sentence that says that `image` is an index, and which images of it to name.
[[nodiscard]] std::string index_instead_of_image(const ImageDirectory& image);

/// A repository of a mount.
struct RepositoryDirectory {
  std::filesystem::path path = {};  ///< the directory that has `tags/` and `images/`
  /// `quay.io/a/b`, or the path if the mount does not tell. The source for what holds all images
  /// of a store or an archive.
  std::string name = {};
};

/// Returns the repositories below `mount`, in order. Throws `Error` if there are none because it is
/// no mount.
[[nodiscard]] std::vector<RepositoryDirectory> find_repositories(
    const std::filesystem::path& mount);

/// Returns the directory that has `.digestfs/`: `repository` or a directory above it. Returns
/// `repository` if there is none, as in a copy of a mount.
[[nodiscard]] std::filesystem::path mount_of(const std::filesystem::path& repository);

}  // namespace digestfs::companions
