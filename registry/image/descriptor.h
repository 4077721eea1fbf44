// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "registry/image/platform.h"

namespace digestfs::registry {

using Annotations = std::map<std::string, std::string>;

/// What one document says of another object (image-spec descriptor.md). The digest is well-formed.
/// Everything else is a claim that nobody has checked.
struct Descriptor {
  Digest digest;
  std::string media_type = {};
  std::optional<std::uint64_t> size = {};  ///< In bytes. Schema 1 and some sources do not say.
  std::string artifact_type = {};
  Annotations annotations = {};
  std::optional<Platform> platform = {};
  /// Where else the object may be had (VER-4): http and https only, at most 16, in order.
  std::vector<std::string> urls = {};
};

}  // namespace digestfs::registry
