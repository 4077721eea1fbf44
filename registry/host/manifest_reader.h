// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <unordered_set>

#include "base/digest.h"
#include "base/guarded.h"
#include "base/request.h"
#include "registry/host/access.h"
#include "registry/host/reply.h"
#include "registry/image/descriptor.h"
#include "registry/source.h"

namespace digestfs::registry {

/// Reads the manifests of one repository, and finds out what a tag names. A HEAD is asked first,
/// because it is free where a GET is counted; a digest that a HEAD gave and that turned out not to
/// be that of a manifest is not believed again (EP-4). Safe for concurrent use.
class ManifestReader {
 public:
  /// `access` must outlive this object.
  explicit ManifestReader(Access& access);

  /// What `tag` names now; nothing if the registry says that there is no such tag.
  [[nodiscard]] std::optional<Descriptor> resolve(const std::string& tag, const Request& request);

  /// The bytes that `digest` is over, which is not checked here. Of a signed schema 1 manifest that
  /// is the payload, and the registry sends more (MT-6).
  [[nodiscard]] std::string read(const Digest& digest, Copy wanted, const Request& request);

  /// Notes that `digest` is not that of a manifest, whatever a HEAD has said.
  void distrust(const Digest& digest);

 private:
  /// The digests that HEAD gave for tags.
  struct Named {
    std::unordered_set<Digest> all;
    std::unordered_set<Digest> wrong;
  };

  [[nodiscard]] Document document(const std::string& reference, Copy wanted,
                                  const Request& request);
  [[nodiscard]] bool is_believed(const Digest& digest);
  [[nodiscard]] std::optional<Descriptor> resolve_by_get(const std::string& tag,
                                                         const Request& request);

  // Synchronises itself.
  Access& access_;
  // Guarded by the lock it lives in.
  Guarded<Named> named_;
};

}  // namespace digestfs::registry
