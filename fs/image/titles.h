// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/digest.h"
#include "registry/image/manifest.h"

// The blobs of an artifact as names in `files/` (MT-7).

namespace digestfs::fs {

struct TitledBlob {
  std::string path;  ///< inside `files/`: harmless components, no file above or below another
  Digest blob;
};

struct TitledBlobs {
  std::vector<TitledBlob> blobs;
  /// Sentences about titles that are shown otherwise than they are written.
  std::vector<std::string> problems;
};

/// Returns the blobs that have a title (`org.opencontainers.image.title`). A title `a/b` is the
/// file b in the folder a. A second blob of the same title gets `@<first 12 hex>`. A blob whose
/// title leads out of the folder, is absolute, or is no file name gets its digest as its name.
[[nodiscard]] TitledBlobs titled_blobs(const registry::Manifest& artifact);

}  // namespace digestfs::fs
