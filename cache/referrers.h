// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/flights.h"
#include "base/guarded.h"
#include "cache/content.h"
#include "registry/source.h"

namespace digestfs::cache {

/// What the source says refers to a digest, believed as long as a tag. Nothing here waits: see
/// base/flight.h. Safe for concurrent use.
class Referrers {
 public:
  Referrers(registry::Source& source, Workers& workers, Network network,
            Clock::duration time_to_live)
      : source_(source), network_(network), time_to_live_(time_to_live), flights_(workers) {}

  /// What names `subject`, by the source's account; claims, until somebody reads the documents.
  /// Nothing where the source keeps no such account (EP-12).
  [[nodiscard]] std::optional<std::vector<registry::Descriptor>> list(const Digest& subject,
                                                                      const Patience& patience);

  /// Throws what asking the source for `subject` itself fails with now. Of a
  /// source that denies what it does not have this tells whether it denies everything (EP-12,
  /// EP-13).
  void check_access(const Digest& subject, const Patience& patience);

  /// A number that moves when the answer for `subject` changes or is no longer believed.
  [[nodiscard]] std::int64_t version(const Digest& subject) const;

 private:
  struct Answer {
    std::optional<std::vector<registry::Descriptor>> referrers;
    Clock::time_point asked_at{};
    Clock::time_point believed_until{};
    std::int64_t version = 0;
  };

  // Constant after construction.
  registry::Source& source_;
  Network network_;
  Clock::duration time_to_live_;
  // Synchronise themselves.
  Flights flights_;
  // Guarded by the locks they live in.
  Guarded<std::unordered_map<Digest, Answer>> answers_;
  Guarded<std::unordered_map<Digest, Clock::time_point>> accessible_;  ///< when it was, last
};

}  // namespace digestfs::cache
