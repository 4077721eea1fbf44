// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "registry/image/manifest.h"
#include "registry/image/platform.h"

// The entries of an index as names in `platforms/` (PLAT-1 to PLAT-3, MT-8).

namespace digestfs::fs {

struct PlatformEntry {
  std::string name;     ///< one harmless component, unique in its directory
  std::string spelled;  ///< the platform as the index spells it; answers on lookup too
  registry::Descriptor descriptor;
};

/// In the order of the index. A second entry of the same name gets `@<first 12 hex>`; an entry
/// without a platform is named by its digest. What is an attestation by its annotations is no
/// platform and left out.
[[nodiscard]] std::vector<PlatformEntry> platform_entries(const registry::Manifest& index);

/// The name of a platform in `platforms/`, normalised; empty where it has none.
[[nodiscard]] std::string platform_name(const registry::Platform& platform);

/// The entry that suits `wanted` best, if any does.
[[nodiscard]] const PlatformEntry* best_entry(const std::vector<PlatformEntry>& entries,
                                              const registry::Platform& wanted);

}  // namespace digestfs::fs
