// SPDX-License-Identifier: Apache-2.0
#include "cache/quarantine.h"

#include <utility>

namespace digestfs::cache {

bool Quarantine::keep(Partial partial, const Digest& actual) {
  if (!store_.quarantine(std::move(partial), actual)) return false;
  const auto kept = kept_.lock();
  std::erase(kept->digests, actual);
  kept->digests.push_back(actual);
  kept->version += 2;
  return true;
}

Quarantined Quarantine::list() const {
  Quarantined now = *kept_.lock();
  std::erase_if(now.digests, [this](const Digest& digest) {
    return !store_.open(Area::quarantine, digest) && !store_.open(Area::blobs, digest) &&
           !store_.open(Area::diffs, digest);
  });
  // An object that comes counts two and one that goes counts one, so that no version repeats.
  now.version -= static_cast<std::int64_t>(now.digests.size());
  return now;
}

}  // namespace digestfs::cache
