// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>

#include "base/error.h"
#include "base/flight.h"
#include "base/guarded.h"
#include "base/request.h"
#include "registry/auth/credential.h"
#include "registry/host/back_off.h"
#include "registry/host/rate_limit.h"
#include "registry/http/http.h"
#include "registry/http/url.h"

namespace digestfs::registry {

/// The failed attempts at one thing so far.
struct Attempts {
  int failures = 0;
  Clock::time_point since = Clock::now();
};

/// How often a host is asked: how soon a failure is tried again (RTY-1, RTY-2), and until when the
/// host, its token server and the servers that it leads to want to be left alone (RTY-3, RTY-4).
/// Nothing here waits past the deadline of a request. Safe for concurrent use.
class Pace {
 public:
  /// Finds out who would log in. A rate limit may be for one account only.
  using Who = std::function<std::optional<Credential>()>;

  /// `host` names the host in messages.
  Pace(std::string host, RetryPolicy policy);

  /// Waits until the host may be asked. Throws `Errc::rate_limited` if that takes longer than
  /// `request` can wait, and `interrupted` on a stop.
  void wait_turn(const Request& request, const Who& who) const;

  /// Is called after an attempt that ended with `error`. Waits and returns if another attempt makes
  /// sense (RTY-1). Throws `error` if it does not, or if the wait would take longer than `request`
  /// can wait, and `Errc::interrupted` on a stop.
  void wait_to_retry(const Error& error, Attempts& attempts, const Request& request,
                     const Who& who) const;

  /// Notes that the host has greeted us. Until then its name may be wrong, and failures are tried
  /// again less often.
  void note_greeting() noexcept { has_greeted_ = true; }

  /// Learns from an answer of the host whether everybody should leave it alone, or only `account`,
  /// if it points to an account.
  void heed(const Url& url, const HttpHead& head, const std::string& body,
            const std::optional<Credential>* account = nullptr);
  /// Learns the same from an answer of a token server.
  void heed_token_server(const Url& url, const HttpHead& head, const std::string& body);
  /// Learns the same from an answer of a server that the host leads to.
  void heed_elsewhere(const Url& url, const HttpHead& head, const std::string& body);

  /// Throws `Errc::rate_limited` while token servers want to be left alone; `realm` is for the
  /// message.
  void check_token_server(const Url& realm) const;
  /// Throws `Errc::rate_limited` while the server of `url`, to which the host leads, wants to be
  /// left alone.
  void check_elsewhere(const Url& url) const;

 private:
  /// The end of each pause, by origin.
  using Pauses = std::map<std::string, Clock::time_point>;

  [[nodiscard]] Clock::duration patience(Urgency urgency) const noexcept;
  [[nodiscard]] Clock::time_point closed_until(const Who& who) const;
  [[nodiscard]] Clock::time_point all_elsewhere_until() const;
  [[nodiscard]] std::optional<std::chrono::milliseconds> wait_asked_for(
      const Url& url, const HttpHead& head, const std::string& body) const;

  // Constant after construction.
  std::string host_;
  RetryPolicy policy_;
  // Synchronise themselves.
  std::atomic<bool> has_greeted_{false};
  RateLimit limit_;
  RateLimit token_limit_;
  // Guarded by the lock it lives in.
  Guarded<Pauses> elsewhere_;
};

}  // namespace digestfs::registry
