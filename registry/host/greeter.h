// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <stop_token>
#include <string>

#include "base/shared_answer.h"
#include "registry/auth/login.h"
#include "registry/host/pace.h"
#include "registry/host/transport.h"
#include "registry/host/warnings.h"
#include "registry/http/url.h"
#include "registry/image/reference.h"

namespace digestfs::registry {

/// Finds out how a host wants to be spoken to by asking for `/v2/` (AUTH-1): https or http, and
/// what it demands before it answers. Safe for concurrent use.
class Greeter {
 public:
  /// The other objects are the host's own, and must outlive this one.
  Greeter(const Reference& host, Transport& transport, Pace& pace, Warnings& warnings);

  /// Returns the greeting, from memory if there is one. Threads that come together ask once. Throws
  /// `Errc::unavailable` if the host is no registry, what `Http::perform` throws, and what another
  /// answer than 200 or 401 means.
  [[nodiscard]] Greeting greeting(const std::stop_token& stop);

  /// Makes the next call of `greeting` ask again.
  void forget() { greeting_.forget(); }

 private:
  [[nodiscard]] Greeting greet(const std::stop_token& stop);
  [[nodiscard]] Greeting greet_at(const Url& base, const std::stop_token& stop);

  // Constant after construction.
  std::string wire_host_;
  bool has_port_;
  Transport& transport_;
  Pace& pace_;
  Warnings& warnings_;
  // Synchronise themselves.
  SharedAnswer<Greeting> greeting_;
  std::atomic<std::uint64_t> count_{0};
};

}  // namespace digestfs::registry
