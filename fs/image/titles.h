// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/digest.h"
#include "registry/image/manifest.h"

// The blobs of an artifact as names in `files/` (MT-7).

namespace digestfs::fs {

struct TitledBlob {
  std::string name;  ///< one harmless component, unique in its directory
  Digest blob;
};

struct TitledBlobs {
  std::vector<TitledBlob> blobs;
  /// Sentences about titles that were changed or left out.
  std::vector<std::string> problems;
};

/// The blobs that a title (`org.opencontainers.image.title`) gives a file name, in their order. A
/// title is whatever its maker wrote: a slash in it becomes an underscore, what is no name at all
/// is left out, and a second blob of the same name gets `@<first 12 hex>`.
[[nodiscard]] TitledBlobs titled_blobs(const registry::Manifest& artifact);

}  // namespace digestfs::fs
