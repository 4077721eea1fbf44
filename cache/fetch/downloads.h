// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/flights.h"
#include "base/guarded.h"
#include "base/request.h"
#include "cache/fetch/arrival.h"
#include "cache/fetch/arrival_hash.h"
#include "cache/fetch/object_transfer.h"
#include "cache/fetch/receiver.h"
#include "cache/hash_file.h"
#include "cache/objects.h"
#include "cache/open/open_objects.h"
#include "cache/problems.h"
#include "cache/quarantine.h"
#include "cache/store.h"
#include "registry/host/back_off.h"

namespace digestfs::cache {

/// How objects are downloaded.
struct DownloadPolicy {
  registry::RetryPolicy resume = {};  ///< how soon a download that was cut goes on
  ConnectionPolicy connections = {};
};

/// Brings objects from their origins into the cache. A download that is cut goes on where it was
/// cut; bytes that do not hash to the digest are asked for once more, then quarantined and
/// reported. Safe for concurrent use.
class Downloads {
 public:
  Downloads(const Store& store, Objects& objects, OpenObjects& open_objects, Quarantine& quarantine,
            Problems& problems, Workers& workers, const DownloadPolicy& policy)
      : store_(store),
        objects_(objects),
        open_objects_(open_objects),
        quarantine_(quarantine),
        problems_(problems),
        policy_(policy),
        workers_(workers),
        flights_(workers) {}

  /// Returns the flight that downloads `digest`. When the flight has landed well, the object is in
  /// the cache. `known` is what `Objects` knows of the object; it has an origin. `limit` bounds
  /// what is fetched, in bytes (`too_large`). Sums of the blocks are of use for an object of which
  /// parts are going to be read.
  [[nodiscard]] std::shared_ptr<Flight> start(const Digest& digest, const KnownObject& known,
                                              Lane lane, std::uint64_t limit, WithSums with_sums);

  /// Returns what comes of `digest`, for those who can begin with that; null if no download of it
  /// is queued or under way.
  [[nodiscard]] std::shared_ptr<Arrival> arrival(const Digest& digest) const;

  /// Returns how many bytes of `digest` have come, while this process downloads it.
  [[nodiscard]] std::optional<std::uint64_t> fetched(const Digest& digest) const;

 private:
  /// Tells the readers of what arrives that no more comes, unless the object was published. The
  /// work of the flight holds it, so that this happens whatever becomes of the work.
  class Ending {
   public:
    Ending(Downloads& downloads, Digest digest, std::shared_ptr<Arrival> arrival)
        : downloads_(downloads), digest_(std::move(digest)), arrival_(std::move(arrival)) {}
    Ending(const Ending&) = delete;
    Ending& operator=(const Ending&) = delete;
    ~Ending();

   private:
    Downloads& downloads_;
    Digest digest_;
    std::shared_ptr<Arrival> arrival_;
  };

  /// One download under way.
  struct Download {
    const Digest& digest;
    const KnownObject& known;
    Bounds bounds;
    WithSums with_sums;
    const Request& request;
    Flight& flight;
    const std::shared_ptr<Arrival>& arrival;
    std::optional<Partial> partial;
    std::optional<HashedFile> hashed;  ///< the partial file, once it was hashed to `digest`
    const Origin* asked;               ///< the last origin that was asked
    bool is_from_origin = false;       ///< An origin has sent all or the end of it.
  };

  void fetch(Partial partial, std::uint64_t limit, WithSums with_sums, const Request& request,
             Flight& flight, const std::shared_ptr<Arrival>& arrival);
  static void begin_arrival(const Download& download);
  [[nodiscard]] std::optional<std::string> fetch_from_any(Download& download);
  [[nodiscard]] HashedFile fetch_from(const Origin& origin, Download& download);
  [[nodiscard]] static HashedFile finish_hash(std::unique_ptr<ArrivalHash> hash,
                                              const Download& download);
  void report_refusal(const Origin& origin, const Digest& digest, const Error& error);
  void quarantine(Download& download, const Origin& origin, const Digest& actual);
  void discard(Download& download);
  [[nodiscard]] static bool is_whole(std::uint64_t had, const Download& download);
  void wait_to_go_on(int resumption, const std::stop_token& stop) const;
  [[noreturn]] void give_up(const Download& download, Errc code, const std::string& what);

  // Constant after construction.
  const Store& store_;
  Objects& objects_;
  OpenObjects& open_objects_;
  Quarantine& quarantine_;
  Problems& problems_;
  DownloadPolicy policy_;
  Workers& workers_;
  // Guarded by the lock it lives in.
  Guarded<std::unordered_map<Digest, std::weak_ptr<Arrival>>> arrivals_;
  // Synchronises itself; its work uses all of the above.
  Flights flights_;
};

}  // namespace digestfs::cache
