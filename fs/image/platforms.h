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
  std::string spelled;  ///< the platform as the index spells it; it also works on lookup
  registry::Descriptor descriptor;
};

/// Returns the entries of `index` in its order. A second entry of the same name gets
/// `@<first 12 hex>`. An entry without a platform has its digest as its name. An entry whose
/// annotations say that it is an attestation is left out.
[[nodiscard]] std::vector<PlatformEntry> platform_entries(const registry::Manifest& index);

/// Returns the normalised name of a platform in `platforms/`, or an empty text if it has none.
[[nodiscard]] std::string platform_name(const registry::Platform& platform);

/// Returns the entry that suits `wanted` best, or null if none does.
[[nodiscard]] const PlatformEntry* best_entry(const std::vector<PlatformEntry>& entries,
                                              const registry::Platform& wanted);

}  // namespace digestfs::fs
