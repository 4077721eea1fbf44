// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/flights.h"
#include "base/guarded.h"
#include "fs/image/selection.h"
#include "fs/repository/quarantine_directory.h"
#include "fs/repository/repository.h"
#include "registry/repositories.h"

namespace digestfs::fs {

/// The repositories of a place that this mount has opened. Each is opened when it is first needed,
/// and stays as long as the mount. That there is none of a name is believed for the tag's time to
/// live. Safe for concurrent use; throws `Pending` for what is not there yet (base/flight.h).
class OpenedRepositories {
 public:
  /// `path` is where in the mount the place is, and is empty for the root.
  OpenedRepositories(const MountParts& mount, registry::Repositories& place, std::string path,
                     Selection selection);

  /// Returns the repository `name`, or null if there is none. The empty name stands for everything
  /// that the place holds, if the place has such a view.
  [[nodiscard]] const Repository* open(const std::string& name, const Patience& patience);
  /// Returns the repository if it is open, or null. Asks nobody.
  [[nodiscard]] const Repository* known(const std::string& name) const;

  /// Returns true if a repository is open whose name goes on after `path` and a slash.
  [[nodiscard]] bool has_below(const std::string& path) const;
  /// Returns the names of the open repositories.
  [[nodiscard]] std::set<std::string> names() const;
  /// Grows with each repository that is opened.
  [[nodiscard]] std::int64_t version() const;
  /// Believes nothing any longer that was asked for before now.
  void ask_again();
  /// Returns what all of them have in quarantine, the newest last.
  [[nodiscard]] QuarantinedFiles quarantined() const;

 private:
  struct Absence {
    Clock::time_point asked_at;
    Clock::time_point believed_until;
  };
  struct Table {
    std::map<std::string, std::unique_ptr<Repository>> repositories;
    std::vector<Repository*> in_order;
    std::unordered_map<std::string, Absence> absent;
    std::size_t sweep_at = 0;  ///< how many absences there are when they are swept next
  };

  [[nodiscard]] std::vector<Repository*> in_order() const { return table_.lock()->in_order; }
  void ask(const std::string& name, const std::stop_token& stop);
  void add(const std::string& name, std::shared_ptr<registry::Source> source);
  void note_absence(const std::string& name);

  // Constant after construction.
  MountParts mount_;
  registry::Repositories& place_;
  std::string path_;
  Selection selection_;
  // Synchronise themselves.
  Flights flights_;
  // Guarded by the lock it lives in.
  Guarded<Table> table_;
};

}  // namespace digestfs::fs
