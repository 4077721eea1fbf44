// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/guarded.h"

namespace digestfs::cache {

/// The finished objects of this process that wait for their names in the cache. Until they have
/// them, nobody can throw them out, so that whoever needs their room waits for that. Safe for
/// concurrent use.
class UnnamedFiles {
 public:
  /// How many there may be: each holds descriptors, and what readers have is not safe from a kill.
  static constexpr std::size_t kMost = 32;

  /// One of them, for as long as this lives, and no longer than the `UnnamedFiles`.
  struct Leave {
    void operator()(UnnamedFiles* files) const noexcept { files->leave(); }
  };
  using Waiting = std::unique_ptr<UnnamedFiles, Leave>;

  /// Counts one more. Returns null if there are as many as there may be.
  [[nodiscard]] Waiting join();

  struct Counts {
    std::size_t waiting = 0;
    std::uint64_t ended = 0;  ///< how many have ceased to wait, with a name or without
  };
  [[nodiscard]] Counts counts() const;
  /// Waits until more than `before` have ceased to wait. Returns false if that will not happen,
  /// because none waits.
  [[nodiscard]] bool await_end(std::uint64_t before) const;

 private:
  void leave() noexcept;

  mutable std::condition_variable has_ended_;
  // Guarded by the lock it lives in.
  Guarded<Counts> counts_;
};

}  // namespace digestfs::cache
