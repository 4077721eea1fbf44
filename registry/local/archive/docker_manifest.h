// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "registry/image/descriptor.h"
#include "registry/source.h"

// The `manifest.json` of an archive of `docker save` (LOC-2). It is no manifest of an image: it
// says which files of the archive make up each image, and what the images are called.

namespace digestfs::registry {

/// The largest `manifest.json` of an archive that is read: 4 MiB.
inline constexpr std::size_t kMaxDockerManifest = std::size_t{4} << 20U;

/// One image of the archive. The texts are as they stand in the file: hostile bytes.
struct SavedImage {
  std::string config;               ///< The name of the config's file in the archive.
  std::vector<std::string> names;   ///< `docker.io/library/alpine:3.20`; may be empty.
  std::vector<std::string> layers;  ///< The names of the layers' files, from the base upwards.
};

struct DockerManifest {
  std::vector<SavedImage> images;
  std::vector<LeftOut> left_out;  ///< Entries that are no image; at most 1000 records.
};

/// Reads a `manifest.json`. Throws `Errc::corrupt` with the reason if `bytes` are none, and
/// `too_large` for more than 10,000 images.
[[nodiscard]] DockerManifest parse_docker_manifest(std::string_view bytes);

/// A layer as a manifest that digestfs makes names it.
struct MadeLayer {
  Digest diff_id;
  std::uint64_t size = 0;  ///< Of the tar, not compressed.
};

/// Returns the manifest of an image that has none: the Docker schema 2 manifest that skopeo makes
/// of it, byte for byte. The layers are named by their diff_ids. Their media type is the one for
/// gzip, though the bytes are a tar, because skopeo writes that.
[[nodiscard]] std::string make_docker_manifest(const Descriptor& config,
                                               const std::vector<MadeLayer>& layers);

}  // namespace digestfs::registry
