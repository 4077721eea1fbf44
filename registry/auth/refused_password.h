// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/flight.h"
#include "base/guarded.h"
#include "registry/auth/credential.h"
#include "registry/auth/refusal.h"

namespace digestfs::registry {

/// The passwords that a registry refused, and when each of them may be sent again. Otherwise a
/// process that looks up many names with an outdated password would lock the account (AUTH-6). A
/// different credential is not held back: repositories of one registry may have different ones.
/// Safe for concurrent use.
class RefusedPassword {
 public:
  /// How many credentials are remembered. The one that was refused, or accepted, longest ago is
  /// forgotten first.
  static constexpr std::size_t kMost = 64;

  /// A refused password is not sent for `pause` at first, and for longer each time (`Refusal`).
  explicit RefusedPassword(Clock::duration pause) : pause_(pause) {}

  /// Throws the stored refusal while `credential` must not be sent. Returns true for the single
  /// request that may try the refused password again; the stored refusal is thrown for all others
  /// meanwhile. That request reports its outcome by one of the calls below. Returns false if
  /// `credential` is not known to be refused.
  [[nodiscard]] bool check(const Credential& credential);

  /// Notes that the registry accepted `credential` for `target`.
  void accept(const Credential& credential, const std::string& target);
  /// Returns the target that `credential` was last accepted for, or nothing if it was never
  /// accepted.
  [[nodiscard]] std::optional<std::string> accepted_for(const Credential& credential) const;

  /// Notes that the registry refused `credential` with `error`.
  void refuse(const Credential& credential, const Error& error);
  /// Returns true if `credential` is already known to be refused, and then doubles its pause,
  /// unless it was sent (`sent_at`) before that was known.
  [[nodiscard]] bool refuse_again(const Credential& credential, Clock::time_point sent_at);

  /// Releases the try that `check` granted, without an outcome. The next caller may try.
  void give_back(const Credential& credential);

 private:
  struct Known {
    Credential credential;
    Refusal refusal;
    Clock::time_point at;
  };
  struct Accepted {
    Credential credential;
    std::string target;
  };

  // Constant after construction.
  const Clock::duration pause_;
  // Guarded by the locks they live in. The newest is last.
  Guarded<std::vector<Known>> known_;
  Guarded<std::vector<Accepted>> accepted_;
};

}  // namespace digestfs::registry
