// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "base/flight.h"
#include "base/guarded.h"
#include "registry/auth/credential.h"
#include "registry/auth/refusal.h"

namespace digestfs::registry {

/// The password that a registry refused, if any, and when it may be sent again: whoever looks many
/// names up with one that is no longer good would have the account locked (AUTH-6). Another
/// credential is another matter. Safe for concurrent use.
class RefusedPassword {
 public:
  /// One that is refused is left alone for `pause`, and longer each time (`Refusal`).
  explicit RefusedPassword(Clock::duration pause) : pause_(pause) {}

  /// Throws what it was refused with where it is not to be sent now. Whether it is the one request
  /// that finds out if it still is refused, while the others are told so; who makes it says what
  /// came of it by one of the calls below.
  [[nodiscard]] bool check(const Credential& credential);

  /// It was good where `target` was asked for.
  void accept(const Credential& credential, const std::string& target);
  /// For what it was good the last time; nothing where it was not, or another was since.
  [[nodiscard]] std::optional<std::string> accepted_for(const Credential& credential) const;

  /// It was refused.
  void refuse(const Credential& credential, const Error& error);
  /// The same where it is known to be refused; whether it is. `sent_at` tells whether that was
  /// known when it was sent.
  [[nodiscard]] bool refuse_again(const Credential& credential, Clock::time_point sent_at);

  /// The one that was to find out has not: another may.
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

  const Clock::duration pause_;
  Guarded<std::optional<Known>> known_;
  Guarded<std::optional<Accepted>> accepted_;
};

}  // namespace digestfs::registry
