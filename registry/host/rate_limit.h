// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/flight.h"
#include "base/guarded.h"
#include "registry/auth/credential.h"

namespace digestfs::registry {

/// Until when a server wants to be left alone, and by whom (RTY-3). A limit holds for one account,
/// or for all clients without an account. If the server has not asked who the client is, the limit
/// holds for everybody (RTY-4). Safe for concurrent use.
class RateLimit {
 public:
  /// Begins a limit for everybody.
  void close(Clock::duration wait);
  /// Begins a limit for the account of `who` only.
  void close_to(const std::optional<Credential>& who, Clock::duration wait);

  /// Returns the end of the last limit of all. It is in the past if everybody may ask.
  [[nodiscard]] Clock::time_point latest() const;
  /// Returns the time until which the account of `who` must not ask.
  [[nodiscard]] Clock::time_point until(const std::optional<Credential>& who) const;

 private:
  struct State {
    Clock::time_point everybody;
    std::map<std::string, Clock::time_point> accounts;
  };

  Guarded<State> state_;
};

}  // namespace digestfs::registry
