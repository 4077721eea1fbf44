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
#include "registry/http/http.h"
#include "registry/http/url.h"
#include "registry/image/reference.h"

namespace digestfs::registry {

/// Finds out how a host wants to be spoken to: https or http, and what it demands before it
/// answers. Most hosts tell with the answer to the first question. The others are asked for `/v2/`
/// (AUTH-1). Safe for concurrent use.
class Greeter {
 public:
  /// The other objects are the host's own, and must outlive this one.
  Greeter(const Reference& host, Transport& transport, Pace& pace, Warnings& warnings);

  /// Returns what is known of the host. Asks nobody: if nothing is known, assumes that the host
  /// speaks https and demands nothing.
  [[nodiscard]] Greeting known() const;

  /// Returns the host's origin. Greets the host if nothing is known of it.
  [[nodiscard]] Url base(const std::stop_token& stop);

  /// Returns what to assume of a host that speaks no TLS: that it speaks http. Throws the error of
  /// `failure` if nobody is there either (TLS-5).
  [[nodiscard]] Greeting without_tls(const NoTls& failure) const;

  /// Learns from `head`, the answer to a question that was asked by what is `assumed`, if nothing
  /// else was learned meanwhile. A refusal by http tells nothing (TLS-5). Returns what is known
  /// then.
  [[nodiscard]] Greeting learn(const Greeting& assumed, const HttpHead& head);

  /// Returns how the host answers `/v2/`, from memory if it was asked. Threads that come together
  /// ask once. Throws `Errc::unavailable` if the host is no registry, what `Http::perform` throws,
  /// and what another answer than 200 or 401 means.
  [[nodiscard]] Greeting greeting(const std::stop_token& stop);

  /// Forgets all that is known.
  void forget() { greeting_.forget(); }

 private:
  [[nodiscard]] Greeting greet(const std::stop_token& stop);
  [[nodiscard]] Greeting greet_at(Greeting assumed, const std::stop_token& stop);

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
