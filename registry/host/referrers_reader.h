// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/flight.h"
#include "base/guarded.h"
#include "base/request.h"
#include "registry/host/access.h"
#include "registry/image/descriptor.h"

namespace digestfs::registry {

/// Reads the referrers API of one repository (distribution-spec, "Listing Referrers"; EP-12), which
/// many registries do not have. Safe for concurrent use.
class ReferrersReader {
 public:
  /// `access` must outlive this object.
  explicit ReferrersReader(Access& access);

  /// What has `subject` as its subject, all pages of the list. Returns nothing if the registry has
  /// no such API, and then asks no more for some minutes. Throws what `Access::ask` throws,
  /// `too_large` for too many pages, and `corrupt` for a further page that is no list.
  [[nodiscard]] std::optional<std::vector<Descriptor>> read(const Digest& subject,
                                                            const Request& request);

 private:
  struct Page {
    std::optional<std::vector<Descriptor>> referrers = {};  ///< Absent if it is no such list.
    bool is_no_api = false;  ///< It is no list because the registry has no such API.
    std::optional<std::string> next = {};
  };

  [[nodiscard]] Page page(const std::string& target, const Digest& subject, const Request& request);

  // Synchronises itself.
  Access& access_;
  // Guarded by the lock it lives in: until when the registry is believed to have no such API.
  Guarded<Clock::time_point> none_until_;
};

}  // namespace digestfs::registry
