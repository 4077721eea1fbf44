// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/flight.h"
#include "base/guarded.h"
#include "registry/auth/credential.h"

namespace digestfs::registry {

/// Until when a server wants to be left alone, and by whom (RTY-3): a limit is for an account, or
/// for all who have none; where nobody was asked who they are it is for everybody (RTY-4). Safe for
/// concurrent use.
class RateLimit {
 public:
  /// For everybody, from now.
  void close(Clock::duration wait);
  /// For the account of `who` alone.
  void close_to(const std::optional<Credential>& who, Clock::duration wait);

  /// Until when nobody may ask, or somebody may not; in the past where all may.
  [[nodiscard]] Clock::time_point latest() const;
  /// Until when the account of `who` may not ask.
  [[nodiscard]] Clock::time_point until(const std::optional<Credential>& who) const;

 private:
  struct State {
    Clock::time_point everybody;
    std::map<std::string, Clock::time_point> accounts;
  };

  Guarded<State> state_;
};

}  // namespace digestfs::registry
