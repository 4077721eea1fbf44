// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/guarded.h"
#include "registry/host/client_options.h"
#include "registry/http/certificates.h"
#include "registry/http/host_kind.h"
#include "registry/http/http.h"
#include "registry/http/url.h"
#include "registry/image/reference.h"

namespace digestfs::registry {

/// The connections of one host, also to the servers that it leads to, and which certificates and
/// how much trust each of them gets. The certificates are read at the start, and again when the
/// user says so. Safe for concurrent use.
class Transport {
 public:
  Transport(const Reference& host, const ClientOptions& options);

  /// Makes a request with the certificates and the trust that are right for `url`.
  [[nodiscard]] HttpRequest request_to(Method method, const Url& url) const;

  /// The certificates for a token server: those that are kept for it, or else the authorities of
  /// the host that names it, which are often its own. The client certificate that the host gets is
  /// never one of them.
  [[nodiscard]] std::shared_ptr<const Certificates> certificates_of_realm(const Url& realm) const;
  /// Makes `request`, which carries a secret, use `certificates`. An authority that is kept is
  /// checked on this machine, too (TLS-6).
  void trust_by(std::shared_ptr<const Certificates> certificates, HttpRequest& request) const;

  /// Reads the certificates again. If that fails, warns and keeps those that were read last.
  void reread();

  /// Sends `request` and follows no redirect. Throws as `Http::perform`.
  [[nodiscard]] HttpHead perform(const HttpRequest& request, const Receive& receive,
                                 const std::stop_token& stop);

  /// The host's origin by https.
  [[nodiscard]] const Url& origin() const noexcept { return origin_; }
  /// The kind of the address that the host answered from last.
  [[nodiscard]] HostKind reached() const { return *reached_.lock(); }
  /// True if `--tls-verify=false` was given.
  [[nodiscard]] bool is_insecure() const noexcept { return is_insecure_; }

 private:
  [[nodiscard]] std::shared_ptr<const Certificates> read() const;
  [[nodiscard]] std::shared_ptr<const Certificates> certificates() const {
    return *certificates_.lock();
  }
  [[nodiscard]] Trust trust_in(const Url& url) const;

  // Constant after construction.
  Url origin_;
  bool is_loopback_;
  bool is_insecure_;
  std::chrono::seconds longest_;
  std::string domain_;
  std::optional<std::filesystem::path> directory_;  ///< of certificates, if the user named one
  std::function<std::string(const char*)> environment_;
  // Synchronises itself.
  Http http_;
  // Guarded by the locks they live in.
  Guarded<std::shared_ptr<const Certificates>> certificates_;
  Guarded<HostKind> reached_;
};

}  // namespace digestfs::registry
