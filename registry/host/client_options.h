// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "registry/auth/credentials.h"
#include "registry/host/back_off.h"

namespace digestfs::registry {

/// How a registry is approached.
struct ClientOptions {
  /// The longest that a transfer may stand still (RTY-7). Of a blob there is no limit on the whole
  /// length; what is small may take four times as long.
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

}  // namespace digestfs::registry
