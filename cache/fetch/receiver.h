// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/flight.h"
#include "cache/disk_sink.h"
#include "cache/store.h"
#include "registry/source.h"

namespace digestfs::cache {

/// Bounds of one download, in bytes.
struct Bounds {
  std::uint64_t limit;                ///< What the caller takes.
  std::optional<std::uint64_t> most;  ///< What the object can be; absent if nobody gives a size.
};

/// Thrown when more bytes come than any descriptor of the object makes likely.
struct GoesOn {
  std::uint64_t most;  ///< How many bytes were taken.
};

/// Takes one transfer into a partial file, after what an earlier transfer left there.
class Receiver final : public registry::ObjectSink {
 public:
  Receiver(const Store& store, Partial& partial, const Bounds& bounds, registry::Copy wanted,
           Flight& flight);

  [[nodiscard]] registry::Copy wanted() const override { return wanted_; }
  void begin(const registry::Beginning& beginning) override;
  /// Throws `too_large` over the caller's limit, and `GoesOn` over the object's. What comes fast,
  /// in small pieces, is written in larger ones, which are less work for the file system: some of
  /// it is kept until more comes, or until `flush`. What comes slowly is written at once, for a
  /// later transfer goes on behind it, also after a kill.
  void write(std::span<const std::byte> bytes) override;
  /// Writes what is kept.
  void flush();
  /// Writes what is kept, and keeps nothing from now on.
  void stop_keeping();

  /// Throws `unavailable` if a transfer that ended in order can go on: without an announced length,
  /// a cut looks like the end (B1). `had` bytes were there before the transfer.
  void check_end(std::uint64_t had, std::optional<std::uint64_t> claimed) const;

  /// Returns how many bytes there are, from the file's first byte to the last that this took.
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  /// Returns how many of them are in the file.
  [[nodiscard]] std::uint64_t written() const noexcept { return size_ - kept_.size(); }

  /// Returns true if the source started over, so that what was there before had to be dropped.
  [[nodiscard]] bool has_restarted() const noexcept { return has_restarted_; }

 private:
  void check(std::uint64_t size) const;

  // Constant after construction.
  const Store& store_;
  Partial& partial_;
  registry::Copy wanted_;
  Flight& flight_;
  // The state of the transfer.
  Bounds bounds_;
  DiskSink disk_;
  std::uint64_t size_ = 0;
  std::vector<std::byte> kept_;                ///< what is not written yet
  Clock::time_point began_at_ = Clock::now();  ///< the piece that is coming
  std::size_t piece_ = 0;                      ///< how much of it has come
  bool is_fast_ = false;                       ///< so was the piece before
  bool may_keep_ = true;
  std::optional<std::uint64_t> total_;
  bool has_restarted_ = false;
};

}  // namespace digestfs::cache
