// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>

#include "base/guarded.h"
#include "registry/http/http.h"
#include "registry/http/secrets.h"

namespace digestfs::registry {

/// The warnings about one host that were logged. Each text is logged once. Safe for concurrent use.
class Warnings {
 public:
  /// `host` names the host in the log.
  explicit Warnings(std::string host);

  /// Logs `text`, unless it was logged before.
  void add(const std::string& text);
  /// Logs what a registry wants people to know (distribution-spec, "Warnings"), without what is in
  /// `secrets`.
  void pass_on(const HttpHead& head, const Secrets& secrets);

 private:
  // Constant after construction.
  std::string host_;
  // Guarded by the lock it lives in.
  Guarded<std::set<std::string>> logged_;
};

}  // namespace digestfs::registry
