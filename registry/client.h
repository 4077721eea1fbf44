// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "registry/back_off.h"
#include "registry/credentials.h"
#include "registry/reference.h"
#include "registry/source.h"

namespace digestfs::registry {

struct ClientOptions {
  /// The longest that a transfer may stand still (RTY-7). There is no limit on its whole length.
  std::chrono::seconds stall{30};
  /// `digestfs/<version>`.
  std::string user_agent;
  /// Where credentials are looked for; nowhere by default.
  CredentialOptions credentials = {};
  /// A directory of certificates instead of those in certs.d (TLS-1).
  std::optional<std::filesystem::path> certificates = {};
  /// Otherwise any certificate will do, and plain http (TLS-3).
  bool verify_tls = true;
  RetryPolicy retries = {};
};

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
                                  std::stop_token stop) override;
  [[nodiscard]] std::optional<Descriptor> resolve(const std::string& tag,
                                                  std::stop_token stop) override;
  [[nodiscard]] std::optional<std::vector<Descriptor>> list_referrers(
      const Digest& subject, std::stop_token stop) override;
  [[nodiscard]] std::optional<ObjectInfo> find(Endpoint endpoint, const Digest& digest,
                                               std::stop_token stop) override;
  void fetch(Endpoint endpoint, const Digest& digest, std::uint64_t offset, ObjectSink& sink,
             std::stop_token stop) override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace digestfs::registry
