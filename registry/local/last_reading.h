// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "base/fingerprint.h"
#include "base/guarded.h"

namespace digestfs::registry {

/// Returns true if the file has stayed as it is for long enough that its fingerprint tells this
/// state from the next one: the clock of a file system may stand still for some milliseconds.
[[nodiscard]] bool is_settled(const Fingerprint& fingerprint);

/// What was read last from a file that another program may replace. It is read again only once the
/// file has changed. Safe for concurrent use.
template <class Value>
class LastReading {
 public:
  /// Returns what `read` makes of the open file `fd`, or made of it before. Lets through what
  /// `read` throws, and keeps nothing then.
  template <class Read>
  [[nodiscard]] std::shared_ptr<const Value> get(int fd, Read&& read) {
    const Fingerprint before = Fingerprint::of(fd);
    {
      const auto kept = kept_.lock();
      if (*kept && (*kept)->fingerprint == before) return (*kept)->value;
    }
    auto value = std::make_shared<const Value>(read());
    if (Fingerprint::of(fd) == before && is_settled(before)) *kept_.lock() = Kept{before, value};
    return value;
  }

 private:
  struct Kept {
    Fingerprint fingerprint;
    std::shared_ptr<const Value> value;
  };

  // Guarded by the lock it lives in.
  Guarded<std::optional<Kept>> kept_;
};

}  // namespace digestfs::registry
