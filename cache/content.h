// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/digest.h"
#include "base/error.h"
#include "base/flights.h"
#include "base/guarded.h"
#include "base/request.h"
#include "cache/layer_pass.h"
#include "cache/problems.h"
#include "cache/store.h"
#include "cache/verified_file.h"
#include "registry/host/back_off.h"
#include "registry/source.h"

namespace digestfs::cache {

/// How far an object has come (`user.digestfs.state`).
enum class State {
  remote,    ///< not in the cache
  cached,    ///< in the cache, not hashed yet by this mount
  verified,  ///< hashed by this mount
};

/// The size of an object as far as it is known.
struct Size {
  std::uint64_t bytes = 0;
  /// Whether it is the object's own, not a placeholder.
  bool exact = false;
  /// Whether this mount has counted it itself. Only then may anybody remember it.
  bool proven = false;
};

/// What a layer was found to decompress to, against its config.
struct ActualDiff {
  Digest digest;
  std::uint64_t size;
};

/// Bounds of one fetch, in bytes.
struct Bounds {
  std::uint64_t limit;                ///< what the caller takes
  std::optional<std::uint64_t> most;  ///< what the object can be; nothing where nobody gives a size
};

/// What is in quarantine because of this mount.
struct Quarantined {
  std::vector<Digest> digests;  ///< their true ones
  std::int64_t version = 0;     ///< moves with every change
};

/// Whether the source may be asked at all.
enum class Network { allowed, offline };

/// Content by digest: from the cache where it is there, from the source where it is not, verified
/// either way. One fetch, one decompression and one check per digest however many ask. Nothing here
/// waits: what is not there yet is launched, and `Pending` thrown (base/flight.h).
///
/// Safe for concurrent use. Failures are `Error`, or `std::system_error` of the cache's disk.
class Content {
 public:
  /// `resume` says how soon a download that was cut goes on.
  Content(const Store& store, registry::Source& source, Workers& workers, Problems& problems,
          Network network, const registry::RetryPolicy& resume = {});

  /// Says that `digest` is an object behind `endpoint`, of `size` bytes by whoever refers to it.
  void meet(const Digest& digest, registry::Endpoint endpoint, std::optional<std::uint64_t> size);
  /// Says that `diff` is what `blob`, a layer, decompresses to. Several layers may: compressed
  /// otherwise, or by a config that lies. The first that really does is good for all.
  void meet_diff(const Digest& diff, const Digest& blob);

  /// Whether the source has `digest` behind its blobs endpoint: it was met there, or the source
  /// says so now and it is met hereby. Without a source to ask, the cache answers.
  [[nodiscard]] bool has_blob(const Digest& digest, const Patience& patience);
  /// Whether `digest` is a layer's tar that was met or lies in the cache.
  [[nodiscard]] bool has_diff(const Digest& digest) const;

  /// Makes the observer of a layer that is about to be decompressed.
  using Observe = std::function<std::unique_ptr<TarObserver>()>;

  /// The object, open and verified. `lane` is where a download of it queues. `limit` bounds what is
  /// fetched (`too_large`). Where it is a diff that is decompressed on this occasion, `observe` may
  /// watch; where it was there already, or somebody else began before, nobody does.
  [[nodiscard]] std::shared_ptr<const VerifiedFile> open(const Digest& digest,
                                                         const Patience& patience,
                                                         Lane lane = Lane::download,
                                                         std::uint64_t limit = kNoLimit,
                                                         const Observe& observe = {});

  /// The whole of a small object.
  [[nodiscard]] std::string read_small(const Digest& digest, const Patience& patience,
                                       std::size_t limit);

  /// Reads an open object. Where its file was touched since it was hashed it is hashed again first;
  /// if it is damaged, `Errc::corrupt`.
  [[nodiscard]] std::size_t read(const std::shared_ptr<const VerifiedFile>& file,
                                 std::span<std::byte> buffer, std::uint64_t offset,
                                 const Patience& patience);

  /// Throws `Errc::corrupt`, and says so in the problems, where a descriptor gives `claimed` bytes
  /// and the object is known to have another number. Fetches nothing to know it.
  void check_size(const Digest& digest, std::uint64_t claimed, const Patience& patience);

  /// Whether a damaged copy of the object was found since the last time this was asked. What the
  /// kernel keeps of it should not be kept then.
  [[nodiscard]] bool take_healed(const Digest& digest);

  /// Never asks anybody. Nothing where not even a placeholder is known.
  [[nodiscard]] std::optional<Size> size(const Digest& digest) const;
  [[nodiscard]] State state(const Digest& digest) const;
  /// The diff that `blob` was found, or is promised, to decompress to.
  [[nodiscard]] std::optional<Digest> diff_of(const Digest& blob) const;
  /// What came instead of what was promised in this mount and is still kept, by its true digest.
  [[nodiscard]] Quarantined quarantined() const;
  /// What the layer `blob`, which should have given `diff`, gave instead, where that has happened.
  [[nodiscard]] std::optional<ActualDiff> actual_diff(const Digest& diff, const Digest& blob) const;

  static constexpr std::uint64_t kNoLimit = UINT64_MAX;

 private:
  /// What the source has in place of an object, and until when it is not asked again (RTY-9).
  struct Broken {
    Error error;
    Clock::time_point until;
  };
  struct Object {
    std::vector<registry::Endpoint> endpoints;
    std::optional<Digest> diff;          ///< what it is said to decompress to
    std::optional<ActualDiff> unpacked;  ///< what it did decompress to
    std::optional<Error> undecodable;    ///< why it can never be: the bytes are what they are
    std::optional<std::uint64_t> claimed;
    std::uint64_t most_claimed = 0;  ///< of all who refer to it
    std::optional<Broken> broken;
    std::optional<std::uint64_t> noted;  ///< by an earlier mount
    std::optional<std::uint64_t> proven;
    std::optional<Fingerprint> verified;
    bool healed = false;
  };

  /// Who is said to decompress to what. Apart from the objects, which are copied time and again:
  /// one image can say it of a hundred thousand layers.
  struct Layers {
    std::unordered_map<Digest, std::vector<Digest>> of;         ///< of a diff, each once
    std::unordered_map<Digest, std::unordered_set<Digest>> to;  ///< of a layer
  };
  [[nodiscard]] Object object(const Digest& digest) const;
  bool add_layer(const Digest& diff, const Digest& blob);
  [[nodiscard]] std::vector<Digest> layers_of(const Digest& diff) const;
  [[nodiscard]] std::optional<Digest> first_layer_of(const Digest& diff) const;
  void open_diff(const Digest& diff, std::vector<Digest> layers, const Patience& patience,
                 Lane lane, std::uint64_t limit, const Observe& observe);
  [[nodiscard]] std::optional<std::pair<Area, UniqueFd>> find_cached(const Digest& digest) const;
  void check_cached(const Digest& digest, std::stop_token stop);
  void fetch(const Digest& digest, std::uint64_t limit, const Request& request);
  [[nodiscard]] std::optional<std::string> fetch_behind(
      const std::vector<registry::Endpoint>& endpoints, std::optional<Partial>& partial,
      const Bounds& bounds, std::optional<std::uint64_t> claimed, const Request& request);
  [[nodiscard]] Digest fetch_from(registry::Endpoint endpoint, Partial& partial,
                                  const Bounds& bounds, std::optional<std::uint64_t> claimed,
                                  const Request& request);
  void wait_to_go_on(int resumption, const std::stop_token& stop) const;
  [[noreturn]] void give_up(const Digest& digest, const Object& tried, Errc code,
                            const std::string& what);
  void quarantine(Partial partial, const Digest& actual);
  void report_size(const Digest& digest, std::uint64_t claimed, std::uint64_t actual);
  void decompress(const Digest& diff, const std::shared_ptr<const VerifiedFile>& layer,
                  TarObserver* observer, std::stop_token stop);
  void settle(Partial partial, Area area, const Digest& digest);
  void check_again(const std::shared_ptr<const VerifiedFile>& file, std::stop_token stop);
  [[nodiscard]] bool is_still_good(const VerifiedFile& file, const std::stop_token& stop);

  // Constant after construction.
  const Store& store_;
  registry::Source& source_;
  Problems& problems_;
  Network network_;
  registry::RetryPolicy resume_;
  // Synchronise themselves.
  Flights flights_;
  // Guarded by the lock it lives in.
  Guarded<std::unordered_map<Digest, Object>> objects_;
  Guarded<Layers> layers_;
  Guarded<Quarantined> quarantined_;  ///< the latest last; what is gone by now included
};

}  // namespace digestfs::cache
