// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "registry/host/access.h"
#include "registry/host/client_options.h"
#include "registry/host/host.h"
#include "registry/host/manifest_reader.h"
#include "registry/host/referrers_reader.h"
#include "registry/image/reference.h"
#include "registry/source.h"

namespace digestfs::registry {

/// A repository of a registry over HTTP (distribution-spec; EP-*, AUTH-*). The connection is https
/// with the system's certificates and those that are kept for the registry; a loopback host may
/// speak plain http (TLS-4). A failure that may pass is tried again (RTY-1).
class Client final : public Source {
 public:
  /// A client with a host of its own. Connects to nothing yet.
  Client(const Reference& reference, ClientOptions options);
  /// A client of one repository of a host that other clients use, too.
  Client(std::shared_ptr<Host> host, const Reference& reference);

  [[nodiscard]] const std::string& name() const override;
  void ask_again() override { access_.ask_again(); }
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
  void fetch_from(const std::string& url, const Digest& digest, const Range& range,
                  ObjectSink& sink, const Request& request) override;

 private:
  /// Runs `work`, and again after a failure that may pass. A failure's message says what was being
  /// done, and to which repository.
  template <class Work>
  auto doing(const std::string& what, const Request& request, const Work& work)
      -> decltype(work()) {
    return access_.persist(what + " of " + name(), request, work);
  }
  [[nodiscard]] TagPage tag_page(const std::optional<std::string>& page, const Request& request);
  [[nodiscard]] TagPage tag_page_at(const std::string& target, const Request& request);
  void fetch_manifest(const Digest& digest, ObjectSink& sink, const Request& request);

  // Synchronise themselves.
  Access access_;
  ManifestReader manifests_;
  ReferrersReader referrers_;
};

}  // namespace digestfs::registry
