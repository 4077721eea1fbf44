// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "tests/support/mounted.h"

namespace digestfs::test {

/// Plain files and links that look like the mount of a repository, for the programs that read a
/// mount through the file system only.
class FakeMount {
 public:
  FakeMount();

  /// A layer as it is stored, and uncompressed.
  struct Layer {
    std::string blob;
    std::string diff;
  };
  /// Returns the layer of `diff`, compressed.
  [[nodiscard]] static Layer gzip(const std::string& diff);
  [[nodiscard]] static Layer zstd(const std::string& diff);

  [[nodiscard]] std::filesystem::path path() const { return directory_.path() / "mnt"; }
  [[nodiscard]] std::filesystem::path images(const Digest& digest) const;
  [[nodiscard]] std::filesystem::path tags(const std::string& tag) const;

  /// Adds an image of which the config has the platform linux/`architecture`, and `extra` members,
  /// such as `,"config":{}`.
  Digest add_image(const std::string& architecture, const std::vector<Layer>& layers,
                   const std::string& extra = "");
  /// Adds an index of images for linux, each with its architecture, and of `extra` entries, such as
  /// `,{"digest":…}`, which have no links.
  Digest add_index(const std::vector<std::pair<std::string, Digest>>& images,
                   const std::string& extra = "");
  /// Adds an artifact. The blobs are a descriptor without digest and size each, such as
  /// `"mediaType":"text/plain"`, and the bytes. `extra` are members of the manifest, such as
  /// `"artifactType":"x/y",`.
  Digest add_artifact(const std::vector<std::pair<std::string, std::string>>& blobs,
                      const std::string& extra = "",
                      const std::string& config_type = "application/vnd.oci.empty.v1+json");
  /// Makes `tags/<tag>` lead to what `digest` is.
  void tag(const std::string& tag, const Digest& digest);

  /// Writes a file and the folders above it.
  static void write(const std::filesystem::path& path, std::string_view bytes);

 private:
  Digest add(const std::string& folder, const std::string& bytes);
  void link(const std::filesystem::path& path, const std::string& target);

  TemporaryDirectory directory_;
};

}  // namespace digestfs::test
