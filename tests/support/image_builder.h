// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "registry/image/descriptor.h"
#include "registry/source.h"
#include "tests/support/memory_source.h"

// Images made by hand: tars block by block, compressed by zlib and libzstd, documents as text.
// Nothing here is read by the code under test before a test hands it over.

namespace digestfs::test {

/// One header of a tar, and its content.
struct TarEntry {
  std::string name;
  std::string content = {};
  char type = '0';  ///< '0' file, '1' hard link, '2' symlink, '3' '4' devices, '5' folder, '6' fifo
  std::string link = {};
  unsigned mode = 0644;
};

/// A ustar archive (POSIX.1-1988) that ends in two blocks of zeros.
[[nodiscard]] std::string tar(const std::vector<TarEntry>& entries);

/// One gzip member; concatenate several for a file of several.
[[nodiscard]] std::string gzip(std::string_view bytes);

enum class ContentSize { given, not_given };

/// One zstd frame; concatenate several for a file of several. `window_log` 0 is libzstd's choice.
[[nodiscard]] std::string zstd(std::string_view bytes, int window_log = 0,
                               ContentSize content_size = ContentSize::given);
/// A skippable zstd frame (RFC 8878, 3.1.2) with magic 0x184D2A50 + `variant`.
[[nodiscard]] std::string zstd_skippable(std::string_view payload, unsigned variant = 0);

/// `count` bytes that do not compress and are the same every time.
[[nodiscard]] std::string noise(std::size_t count, std::uint64_t seed = 1);

/// Objects and tags, to be put where a source finds them.
class ObjectSet {
 public:
  struct Object {
    registry::Endpoint endpoint;
    std::string bytes;
    std::string media_type;
  };

  registry::Descriptor add(registry::Endpoint endpoint, std::string bytes,
                           std::string_view media_type = "");
  void tag(const std::string& name, const registry::Descriptor& descriptor);

  [[nodiscard]] const std::map<Digest, Object>& objects() const noexcept { return objects_; }
  [[nodiscard]] const std::map<std::string, registry::Descriptor>& tags() const noexcept {
    return tags_;
  }

  void put_into(MemorySource& source) const;
  /// The files of an OCI image layout, by their paths in it.
  [[nodiscard]] std::map<std::string, std::string> layout_files() const;
  /// Writes an OCI image layout into the folder `directory`, which need not exist.
  void write_layout(const std::filesystem::path& directory) const;

 private:
  std::map<Digest, Object> objects_;
  std::map<std::string, registry::Descriptor> tags_;
};

/// A layer before it is put anywhere.
struct Layer {
  std::string blob;  ///< as the source stores it
  std::string diff;  ///< the tar
  std::string media_type;
};

[[nodiscard]] Layer plain_layer(const std::vector<TarEntry>& entries);
[[nodiscard]] Layer gzip_layer(const std::vector<TarEntry>& entries);
[[nodiscard]] Layer zstd_layer(const std::vector<TarEntry>& entries);

/// Where the parts of an image are.
struct Image {
  registry::Descriptor manifest;
  registry::Descriptor config;
  std::vector<registry::Descriptor> layers;
  std::vector<Digest> diff_ids;
};

/// Adds an OCI image of these layers, the base first, for linux on `architecture`.
Image add_image(ObjectSet& set, const std::vector<Layer>& layers,
                const std::string& architecture = "amd64");
/// Adds an OCI index of these images, which takes their platforms from their descriptors.
registry::Descriptor add_index(ObjectSet& set, const std::vector<Image>& images);

/// The text of a manifest, for documents that `add_image` would not make.
[[nodiscard]] std::string manifest_json(const registry::Descriptor& config,
                                        const std::vector<registry::Descriptor>& layers);
[[nodiscard]] std::string index_json(const std::vector<registry::Descriptor>& manifests);
[[nodiscard]] std::string config_json(const std::vector<Digest>& diff_ids,
                                      const std::string& architecture = "amd64");

}  // namespace digestfs::test
