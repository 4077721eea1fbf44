// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "registry/auth/credentials.h"
#include "registry/host/back_off.h"

namespace digestfs::registry {

/// How a client speaks to a registry.
struct ClientOptions {
  /// The longest that a transfer may stand still (RTY-7). A small answer may take four times as
  /// long in all; a blob may take any time as long as it moves.
  std::chrono::seconds stall{30};
  /// The `User-Agent` field, `digestfs/<version>`.
  std::string user_agent;
  /// Where credentials are looked for. By default, nowhere.
  CredentialOptions credentials = {};
  /// A directory of certificates that is read instead of those in certs.d (TLS-1).
  std::optional<std::filesystem::path> certificates = {};
  /// If this is false, any certificate is accepted, and plain http, too (TLS-3).
  bool verify_tls = true;
  RetryPolicy retries = {};
};

}  // namespace digestfs::registry
