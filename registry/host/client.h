// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "registry/host/client_options.h"
#include "registry/image/reference.h"
#include "registry/source.h"

namespace digestfs::registry {

/// A repository of a registry over HTTP (distribution-spec; EP-*, AUTH-*). https with the system's
/// certificates and those that are kept for the registry; a loopback host may speak plain http
/// (TLS-4). What fails in passing is tried again (RTY-1).
class Client final : public Source {
 public:
  /// Connects to nothing yet.
  Client(const Reference& reference, ClientOptions options);
  ~Client() override;

  [[nodiscard]] const std::string& name() const override;
  [[nodiscard]] TagPage list_tags(const std::optional<std::string>& page,
                                  const Request& request) override;
  [[nodiscard]] std::optional<Descriptor> resolve(const std::string& tag,
                                                  const Request& request) override;
  [[nodiscard]] std::optional<std::vector<Descriptor>> list_referrers(
      const Digest& subject, const Request& request) override;
  [[nodiscard]] std::optional<ObjectInfo> find(Endpoint endpoint, const Digest& digest,
                                               const Request& request) override;
  void fetch(Endpoint endpoint, const Digest& digest, const Range& range, ObjectSink& sink,
             const Request& request) override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace digestfs::registry
