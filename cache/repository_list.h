// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>

#include "base/flights.h"
#include "base/guarded.h"
#include "cache/content.h"
#include "cache/problems.h"
#include "registry/repositories.h"

namespace digestfs::cache {

/// The names of the repositories of a place, as far as they are known.
struct RepositoryNames {
  std::shared_ptr<const std::set<std::string>> names;
  /// False if there may be others: the place keeps no list, the list was cut, or it is of old.
  bool is_complete = false;

  /// Returns true if there is a repository `name`.
  [[nodiscard]] bool contains(const std::string& name) const { return names->contains(name); }
  /// Returns true if there is a repository whose name goes on after `path` and a slash.
  [[nodiscard]] bool has_below(const std::string& path) const;
};

/// The list of the repositories of a place. It is read page by page, bounded, believed for as long
/// as a tag, and asked for again after that. Nothing here waits: see base/flight.h. Safe for
/// concurrent use.
class RepositoryList {
 public:
  RepositoryList(registry::Repositories& place, Workers& workers, Problems& problems,
                 Network network, Clock::duration time_to_live);

  /// Takes the first page from the place. Blocks; a place that cannot be asked fails here (promise
  /// 4).
  void start(const std::stop_token& stop);

  /// Returns the whole list. If the place does not answer, an earlier list does.
  [[nodiscard]] RepositoryNames list(const Patience& patience);

  /// Returns the list if it was read to its end and is still believed, or if nobody can be asked.
  /// Asks nobody.
  [[nodiscard]] std::optional<RepositoryNames> known() const;

  /// Believes nothing any longer that was asked for before now, whatever the time to live says.
  void ask_again();

  /// Returns a number that changes when the list changes or is no longer believed.
  [[nodiscard]] std::int64_t version() const;

 private:
  struct State {
    RepositoryNames now{std::make_shared<const std::set<std::string>>(), false};
    std::optional<std::string> next;  ///< the page to go on from
    bool is_read = false;             ///< to its end, or to where it was cut
    Clock::time_point asked_at{};
    Clock::time_point believed_until{};
    std::int64_t version = 1;
    std::uint64_t round = 0;  ///< how often `ask_again` was called
  };

  void take_page(const registry::RepositoryPage& page, State& state, std::set<std::string>& names);
  void cut(State& state, const std::string& why);
  void fetch(const std::stop_token& stop);
  void keep(State state, std::set<std::string> names);

  // Constant after construction.
  registry::Repositories& place_;
  Problems& problems_;
  Network network_;
  Clock::duration time_to_live_;
  // Synchronise themselves.
  Flights flights_;
  // Guarded by the lock it lives in.
  Guarded<State> state_;
};

}  // namespace digestfs::cache
