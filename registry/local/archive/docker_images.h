// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "archive/decompressor.h"
#include "registry/image/descriptor.h"
#include "registry/local/archive/archive_file.h"
#include "registry/source.h"

namespace digestfs::registry {

/// An object of an archive of `docker save` that is not under its digest in the archive's `blobs/`:
/// a config, a layer, or a manifest that digestfs made.
struct DockerObject {
  TarIndex::Member member;
  archive::Compression compression = archive::Compression::none;
  std::uint64_t size = 0;           ///< Of the object, decompressed.
  std::optional<std::string> made;  ///< The bytes of a manifest that digestfs made.
};

/// What an archive of `docker save` or `podman save` holds (LOC-2).
///
/// An image has the manifest that the archive keeps for it (Docker 25 and later write an OCI layout
/// besides). An image without one gets the manifest that skopeo makes: its digest is that of
/// `skopeo inspect --raw docker-archive:…`, and it names the layers by their diff_ids.
struct DockerImages {
  using Tags = std::map<std::string, Descriptor>;

  /// The tags of each repository, by its full name (`docker.io/library/alpine`). If several images
  /// have one name, the first has it, as for skopeo.
  std::map<std::string, Tags> repositories;
  /// Every image, each once.
  std::vector<Descriptor> images;
  std::unordered_map<Digest, DockerObject> objects;
  /// The names, images and members that cannot be used.
  std::vector<LeftOut> left_out;
};

/// Reads the archive's `manifest.json` and all that it names. A layer that is compressed in the
/// archive is decompressed once, to know its size. Throws `Errc::not_found` if there is no
/// `manifest.json`, and `corrupt` or `too_large` if it cannot be read. An image that cannot be used
/// is left out.
[[nodiscard]] DockerImages read_docker_images(const ArchiveFile& archive,
                                              const std::stop_token& stop = {});

}  // namespace digestfs::registry
