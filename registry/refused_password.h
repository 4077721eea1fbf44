// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/error.h"
#include "base/flight.h"
#include "base/guarded.h"
#include "registry/credential.h"

namespace digestfs::registry {

/// The password that a registry refused, if any, and when it may be sent again: whoever looks many
/// names up with one that is no longer good would have the account locked (AUTH-6). Another
/// credential is another matter. Safe for concurrent use.
class RefusedPassword {
 public:
  /// Throws what it was refused with where it is not to be sent now. One finds out in the end
  /// whether it still is, not all who have waited.
  void check(const Credential& credential);

  /// It was good.
  void accept(const Credential& credential);
  /// Whether the last that was good is that one.
  [[nodiscard]] bool was_accepted(const Credential& credential) const;

  /// It was refused: is not to be sent for 5 s, and for twice as long each time, up to 5 min.
  void refuse(const Credential& credential, const Error& error);
  /// The same where it is known to be refused; whether it is. `sent_at` tells whether that was
  /// known when it was sent.
  [[nodiscard]] bool refuse_again(const Credential& credential, Clock::time_point sent_at);

 private:
  struct Refusal {
    Credential credential;
    Error error;
    Clock::duration pause;
    Clock::time_point known_at;
    Clock::time_point until;
  };

  Guarded<std::optional<Refusal>> refusal_;
  Guarded<std::optional<Credential>> accepted_;
};

}  // namespace digestfs::registry
