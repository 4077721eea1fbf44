// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <unordered_map>

#include "base/digest.h"
#include "base/flights.h"
#include "base/guarded.h"
#include "cache/hash_file.h"
#include "cache/objects.h"
#include "cache/open/block_sums.h"
#include "cache/open/checked_blocks.h"
#include "cache/open/kept_sums.h"
#include "cache/open/verified_file.h"
#include "cache/problems.h"
#include "cache/store.h"

namespace digestfs::cache {

/// How far an object has come (`user.digestfs.state`).
enum class State {
  remote,    ///< The object is not in the cache.
  cached,    ///< The object is in the cache, but this mount has not hashed it.
  verified,  ///< This mount has hashed the object.
};

/// Returns the lane for work on the disk with an object of `bytes`. Small objects do not queue
/// behind layers (promise 10).
[[nodiscard]] Lane lane_on_disk(std::uint64_t bytes) noexcept;

/// The owner of open objects. However many readers have an object open, there is one descriptor,
/// one fingerprint and one verification of it. An object stays open, and can be opened again, for
/// as long as a reader holds it, whatever happens to its name in the cache.
///
/// A damaged object is thrown away and reported; readers that hold it get `Errc::corrupt`, and the
/// next one to open it gets a new copy. Nothing here waits; see base/flight.h. Safe for concurrent
/// use.
class OpenObjects {
 public:
  using File = std::shared_ptr<const VerifiedFile>;

  OpenObjects(const Store& store, Objects& objects, Problems& problems, Workers& workers)
      : store_(store),
        objects_(objects),
        problems_(problems),
        kept_sums_(store, problems),
        workers_(workers),
        flights_(workers) {}

  /// Returns the object if it is open or in the cache, verified; null if it is neither.
  [[nodiscard]] File open(const Digest& digest, const Patience& patience);

  /// Returns the object if it can be read without being hashed first: it is verified, or there are
  /// sums by which its blocks are checked as they are read, and nobody but this user can have put
  /// it there. Otherwise returns null, and `open` is the way; that makes sums for the next time.
  [[nodiscard]] File open_by_blocks(const Digest& digest);

  /// Returns true if an open object can be read without being hashed first, and notes that it is in
  /// use.
  [[nodiscard]] bool is_readable(const VerifiedFile& file) const;

  /// Reads an open object. If its file was touched since it was hashed, or if a block of it does
  /// not match its sum, all of the file is hashed first. Throws `Errc::corrupt` if it is damaged.
  [[nodiscard]] std::size_t read(const File& file, std::span<std::byte> buffer,
                                 std::uint64_t offset, const Patience& patience);

  /// Hashes an open object that cannot be read otherwise. Returns false if the object is damaged,
  /// and throws it away then. Blocks; for workers.
  [[nodiscard]] bool is_still_good(const VerifiedFile& file, const std::stop_token& stop,
                                   Flight* flight = nullptr);

  /// Hashes the object if it is in the cache: a small one at once, a larger one by a flight.
  void verify(const Digest& digest, const Patience& patience);

  /// Makes `partial`, which was hashed and found to be `hashed`, an object of `area` that can be
  /// opened from now on. Its name in the cache, for which it has to be on the disk (promise 6), and
  /// its sums, if it has some, come soon afterwards: readers do not wait for the disk.
  void publish(Partial partial, Area area, HashedFile hashed);

  /// Returns true if the object is open or in the cache.
  [[nodiscard]] bool has(const Digest& digest) const;
  [[nodiscard]] State state(const Digest& digest) const;
  /// Opens the file of the object in the cache, of which nothing is verified. Returns nothing if
  /// there is none.
  [[nodiscard]] std::optional<UniqueFd> cached_file(const Digest& digest) const;
  /// Returns the size of the file in the cache; nothing if there is none.
  [[nodiscard]] std::optional<std::uint64_t> cached_size(const Digest& digest) const;

  /// Returns true if a damaged copy of the object was found since the last call. Then nothing that
  /// the kernel keeps of the object may be used any longer.
  [[nodiscard]] bool take_healed(const Digest& digest);

 private:
  struct Entry {
    std::optional<Fingerprint> verified;       ///< of the file that was hashed last
    std::weak_ptr<const VerifiedFile> open;    ///< for as long as a reader holds it
    std::shared_ptr<CheckedBlocks> blocks;     ///< of the file whose blocks were read last
    std::optional<Clock::time_point> used_at;  ///< when its use was noted for a reader of blocks
    bool wants_sums = false;                   ///< a reader of blocks has found none
    bool healed = false;                       ///< since `take_healed` was called last
    bool was_healed = false;                   ///< ever

    /// Says that this file was hashed.
    void set_verified(const Fingerprint& now);
    /// Says that blocks of this file are going to be read.
    void set_blocks(const std::shared_ptr<CheckedBlocks>& now);
    /// Says that a damaged file was found, and thrown away.
    void heal() noexcept { healed = was_healed = true; }
    [[nodiscard]] VerifiedFile::Replaces replaces() const noexcept;
  };

  /// An object in the cache, and where it is there.
  struct Cached {
    UniqueFd file;
    Area area;
  };

  /// An object that can be opened already, but has no name yet.
  struct Unnamed {
    Partial partial;
    Area area;
    HashedFile hashed;
    File open = nullptr;  ///< null without a descriptor to spare
    UnnamedFiles::Waiting waiting = nullptr;
  };

  [[nodiscard]] File open_unnamed(const Unnamed& object);
  void write_out(Partial& partial, const Unnamed& object);
  void give_name(Unnamed& object);
  void give_name_later(Unnamed& object) noexcept;
  void keep_sums(const Digest& digest, const BlockSums& sums) const noexcept;
  [[nodiscard]] std::optional<Cached> find_cached(const Digest& digest) const;
  [[nodiscard]] File find_open(const Digest& digest) const;
  [[nodiscard]] File adopt(const Digest& digest, UniqueFd file);
  [[nodiscard]] File adopt_blocks(const Digest& digest, UniqueFd file);
  [[nodiscard]] std::shared_ptr<CheckedBlocks> blocks_of(const Digest& digest, int file) const;
  [[nodiscard]] bool is_use_due(const Digest& digest);
  [[nodiscard]] bool wants_sums(const Digest& digest) const;
  void verify_again(const File& file, const Patience& patience);
  void check_cached(const Digest& digest, const std::stop_token& stop, Flight* flight);
  void check_again(const VerifiedFile& file, const std::stop_token& stop, Flight* flight);
  void set_verified(const Digest& digest, const Fingerprint& fingerprint);
  void discard(const Digest& digest, int file, const Problem& problem);

  // Constant after construction.
  const Store& store_;
  Objects& objects_;
  Problems& problems_;
  KeptSums kept_sums_;
  Workers& workers_;
  // Synchronise themselves.
  Flights flights_;
  std::atomic<bool> are_names_refused_{false};  ///< The last object got no name.
  // Guarded by the lock it lives in.
  Guarded<std::unordered_map<Digest, Entry>> entries_;
};

}  // namespace digestfs::cache
