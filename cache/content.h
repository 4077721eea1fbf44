// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/flights.h"
#include "base/guarded.h"
#include "cache/fetch/downloads.h"
#include "cache/objects.h"
#include "cache/open/open_objects.h"
#include "cache/problems.h"
#include "cache/quarantine.h"
#include "cache/store.h"
#include "cache/unpack/layers.h"
#include "cache/unpack/unpacking.h"
#include "registry/source.h"

namespace digestfs::cache {

/// The size of an object as far as it is known.
struct Size {
  std::uint64_t bytes = 0;
  /// True if this is the size of the object itself, and not a placeholder.
  bool exact = false;
  /// True if this mount has counted the bytes itself. Nobody may remember any other size.
  bool proven = false;
};

/// Says whether the source may be asked at all.
enum class Network { allowed, offline };

/// Verified content by digest. An object comes from the cache if the cache has it, else from its
/// origins; a diff is unpacked from its layer, unless the source keeps the diff itself. This class
/// decides which of these steps is next:
///
///   `Objects`      knows the origins and sizes of objects,
///   `Layers`       knows which layers unpack to which diffs,
///   `Downloads`    brings objects into the cache,
///   `Unpacking`    makes diffs of layers,
///   `OpenObjects`  verifies and opens what the cache has,
///   `Quarantine`   keeps what came instead of what was promised.
///
/// There is one download, one unpacking and one check per digest, however many callers ask. Nothing
/// here waits: a call starts what is missing and throws `Pending` (base/flight.h). Failures are
/// `Error`, or `std::system_error` of the cache's disk. Safe for concurrent use.
class Content {
 public:
  static constexpr std::uint64_t kNoLimit = UINT64_MAX;
  using Observe = cache::Observe;

  Content(const Store& store, registry::Source& source, Workers& workers, Problems& problems,
          Network network, const DownloadPolicy& policy = {});

  /// Says that `digest` is an object behind `endpoint`, of `size` bytes by a descriptor. If the
  /// source does not have the object after all, it may be at one of `urls` (VER-4).
  void meet(const Digest& digest, registry::Endpoint endpoint, std::optional<std::uint64_t> size,
            const std::vector<std::string>& urls = {});
  /// Says that a caller looks for `digest` behind `endpoint`, and that nothing else has named it.
  void guess(const Digest& digest, registry::Endpoint endpoint);
  /// Says that the layer `blob` unpacks to `diff`, by a config.
  void meet_diff(const Digest& diff, const Digest& blob);

  /// Returns true if the source has `digest` behind its blobs endpoint: because it was met there,
  /// or because the source says so now. Without a source to ask, the cache answers.
  [[nodiscard]] bool has_blob(const Digest& digest, const Patience& patience);
  /// Returns false if the cache has `digest` but the source says that it has no such manifest. An
  /// object that is not in the cache is nothing to ask about: to fetch it tells. While the source
  /// cannot be asked, the cache answers (promise 7).
  [[nodiscard]] bool may_have_manifest(const Digest& digest, const Patience& patience);
  /// See `Source::keeps_diffs`.
  [[nodiscard]] bool keeps_diffs() const { return source_.keeps_diffs(); }
  /// Returns true if `digest` is a layer's tar that was met or is in the cache.
  [[nodiscard]] bool has_diff(const Digest& digest) const;

  /// Returns the object, open and verified. `lane` is where a download of it queues. `limit` bounds
  /// what is fetched (`too_large`). If the object is a diff that is unpacked on this occasion, the
  /// observer that `observe` makes watches. If the diff was there already, or if its unpacking was
  /// under way, nobody watches.
  [[nodiscard]] std::shared_ptr<const VerifiedFile> open(const Digest& digest,
                                                         const Patience& patience,
                                                         Lane lane = Lane::download,
                                                         std::uint64_t limit = kNoLimit,
                                                         const Observe& observe = {});

  /// Does the same for a caller that reads a part of the object: if the object is in the cache and
  /// there are sums of its blocks, the blocks are checked as they are read, and the object is not
  /// hashed first.
  [[nodiscard]] std::shared_ptr<const VerifiedFile> open_by_blocks(const Digest& digest,
                                                                   const Patience& patience,
                                                                   const Observe& observe = {});

  /// Returns the whole of a small object.
  [[nodiscard]] std::string read_small(const Digest& digest, const Patience& patience,
                                       std::size_t limit);

  /// Returns true if an open object can be read as it is; see `OpenObjects::is_readable`.
  [[nodiscard]] bool is_readable(const VerifiedFile& file) const {
    return open_objects_.is_readable(file);
  }

  /// Reads an open object; see `OpenObjects::read`.
  [[nodiscard]] std::size_t read(const std::shared_ptr<const VerifiedFile>& file,
                                 std::span<std::byte> buffer, std::uint64_t offset,
                                 const Patience& patience) {
    return open_objects_.read(file, buffer, offset, patience);
  }

  /// Throws `Errc::corrupt`, and reports the problem, if a descriptor gives `claimed` bytes for an
  /// object that is known to have another size. Fetches nothing to know the size.
  void check_size(const Digest& digest, std::uint64_t claimed, const Patience& patience);

  /// See `OpenObjects::take_healed`.
  [[nodiscard]] bool take_healed(const Digest& digest) { return open_objects_.take_healed(digest); }

  /// Returns the size, or nothing if not even a placeholder is known. Asks no source.
  [[nodiscard]] std::optional<Size> size(const Digest& digest) const;
  /// See `OpenObjects::cached_file`.
  [[nodiscard]] std::optional<UniqueFd> cached_file(const Digest& digest) const {
    return open_objects_.cached_file(digest);
  }
  [[nodiscard]] const Store& store() const noexcept { return store_; }
  [[nodiscard]] State state(const Digest& digest) const { return open_objects_.state(digest); }
  /// See `Downloads::fetched`.
  [[nodiscard]] std::optional<std::uint64_t> fetched(const Digest& digest) const {
    return downloads_.fetched(digest);
  }
  /// See `Layers::diff_of`.
  [[nodiscard]] std::optional<Digest> diff_of(const Digest& blob) const {
    return layers_.diff_of(blob);
  }
  /// Returns what the layer `blob` gave instead of `diff`, if that has happened.
  [[nodiscard]] std::optional<ActualDiff> actual_diff(const Digest& diff,
                                                      const Digest& blob) const {
    return layers_.other_than(diff, blob);
  }
  /// See `Source::made`.
  [[nodiscard]] std::string made(const Digest& digest) const { return source_.made(digest); }
  [[nodiscard]] Quarantined quarantined() const { return quarantine_.list(); }

 private:
  [[nodiscard]] bool is_kept_diff(const Digest& diff, const Patience& patience);
  void fetch(const Digest& digest, const KnownObject& known, const Patience& patience, Lane lane,
             std::uint64_t limit);
  [[nodiscard]] std::shared_ptr<const VerifiedFile> open_layer(const Digest& layer,
                                                               const Digest& diff,
                                                               const Patience& patience, Lane lane,
                                                               std::uint64_t limit,
                                                               const Observe& observe);
  void unpack(const Digest& diff, std::vector<Digest> layers, const Patience& patience, Lane lane,
              std::uint64_t limit, const Observe& observe);

  // Constant after construction.
  const Store& store_;
  registry::Source& source_;
  Problems& problems_;
  Network network_;
  // Synchronise themselves.
  Objects objects_;
  Layers layers_;
  Quarantine quarantine_;
  OpenObjects open_objects_;
  Downloads downloads_;
  Unpacking unpacking_;
  Flights questions_;
};

}  // namespace digestfs::cache
