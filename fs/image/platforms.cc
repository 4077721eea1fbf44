// SPDX-License-Identifier: Apache-2.0
#include "fs/image/platforms.h"

#include <map>
#include <utility>

#include "base/text.h"
#include "registry/image/referrers.h"

namespace digestfs::fs {
std::string platform_name(const registry::Platform& platform) {
  return registry::directory_name(registry::normalised(platform));
}

std::vector<PlatformEntry> platform_entries(const registry::Manifest& index) {
  std::vector<PlatformEntry> entries;
  std::map<std::string, Digest> taken;
  for (const registry::Descriptor& descriptor : index.manifests) {
    if (registry::is_attestation(descriptor)) continue;  // MT-8
    std::string name;
    std::string spelled;
    if (descriptor.platform) {
      // An empty os or architecture must not be filled in: nothing says that it is this one.
      spelled = registry::directory_name(*descriptor.platform);
      if (!spelled.empty()) name = platform_name(*descriptor.platform);
    }
    if (name.empty()) name = descriptor.digest.str();
    auto [at, added] = taken.try_emplace(name, descriptor.digest);
    if (!added) {
      if (at->second == descriptor.digest) continue;  // MT-9: the same entry twice
      name = str_cat(name, "@", descriptor.digest.encoded().substr(0, 12));
      if (!taken.try_emplace(name, descriptor.digest).second) continue;
      spelled.clear();
    }
    entries.push_back({std::move(name), std::move(spelled), descriptor});
  }
  return entries;
}

const PlatformEntry* best_entry(const std::vector<PlatformEntry>& entries,
                                const registry::Platform& wanted) {
  std::vector<registry::Platform> offered;
  offered.reserve(entries.size());
  for (const PlatformEntry& entry : entries) {
    offered.push_back(entry.descriptor.platform.value_or(registry::Platform{}));
  }
  const int best = registry::best_match(offered, wanted);
  return best < 0 ? nullptr : &entries[static_cast<std::size_t>(best)];
}

}  // namespace digestfs::fs
