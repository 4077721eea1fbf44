// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/flights.h"
#include "base/guarded.h"
#include "cache/content.h"
#include "registry/source.h"

namespace digestfs::cache {

/// What refers to a digest by the account of the source. An answer is believed for as long as the
/// digest of a tag. Nothing here waits; see base/flight.h. Safe for concurrent use.
class Referrers {
 public:
  /// How many answers are remembered. The one that was asked for longest ago is forgotten first.
  static constexpr std::size_t kMaxAnswers = 1024;

  Referrers(registry::Source& source, Workers& workers, Network network,
            Clock::duration time_to_live)
      : source_(source), network_(network), time_to_live_(time_to_live), flights_(workers) {}

  /// Returns what names `subject` as its subject. These are claims until somebody reads the
  /// documents. Returns nothing if the source keeps no such account (EP-12).
  [[nodiscard]] std::optional<std::vector<registry::Descriptor>> list(const Digest& subject,
                                                                      const Patience& patience);

  /// Asks the source for `subject` itself, and throws the failure if it cannot be had now. Some
  /// sources deny access to what they do not have; this tells whether such a source denies
  /// everything (EP-12, EP-13).
  void check_access(const Digest& subject, const Patience& patience);

  /// Believes nothing any longer that was asked for before now.
  void ask_again();

  /// Returns a number that changes when the answer for `subject` changes or is no longer believed.
  [[nodiscard]] std::int64_t version(const Digest& subject) const;

 private:
  struct Answer {
    std::optional<std::vector<registry::Descriptor>> referrers;
    Clock::time_point asked_at{};
    Clock::time_point believed_until{};
    std::int64_t version = 0;
  };

  struct Memory {
    std::unordered_map<Digest, Answer> answers;
    std::uint64_t round = 0;        ///< how often `ask_again` was called
    std::int64_t last_version = 0;  ///< never repeats, also not after an answer was forgotten
  };

  static void make_room(Memory& memory);

  // Constant after construction.
  registry::Source& source_;
  Network network_;
  Clock::duration time_to_live_;
  // Synchronise themselves.
  Flights flights_;
  // Guarded by the locks they live in.
  Guarded<Memory> memory_;
  Guarded<std::unordered_map<Digest, Clock::time_point>> accessible_;  ///< when it was, last
};

}  // namespace digestfs::cache
