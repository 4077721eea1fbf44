// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>

#include "base/digest.h"
#include "base/flights.h"
#include "base/sink.h"
#include "cache/fetch/arrival.h"
#include "cache/open/block_sums.h"
#include "cache/open/open_objects.h"
#include "cache/open/verified_file.h"
#include "cache/problems.h"
#include "cache/store.h"
#include "cache/unpack/layer_pass.h"
#include "cache/unpack/layers.h"
#include "cache/written_file.h"

namespace digestfs::cache {

/// Makes the observer of a layer that is about to be unpacked.
using Observe = std::function<std::unique_ptr<TarObserver>()>;

/// Makes diffs of layers. Whatever a layer turns out to be is kept under its true digest
/// (promise 3). Safe for concurrent use.
class Unpacking {
 public:
  Unpacking(const Store& store, Layers& layers, OpenObjects& open_objects, Problems& problems,
            Workers& workers)
      : store_(store),
        layers_(layers),
        open_objects_(open_objects),
        problems_(problems),
        flights_(workers) {}

  /// Throws the reason if it is known that `layer` cannot be unpacked to `diff`.
  void check(const Digest& diff, const Digest& layer) const;

  /// Returns the flight that makes `diff` of `layer`. When it has landed well, the diff is in the
  /// cache, or somebody else damaged `layer` or the new file, and the caller tries again. The
  /// observer that `observe` makes, if any, watches the tar go by, unless the flight was under way
  /// already.
  [[nodiscard]] std::shared_ptr<Flight> start(const Digest& diff, const OpenObjects::File& layer,
                                              const Observe& observe);

  /// Returns the flight that makes `diff` of `layer`, a layer of `size` bytes, while it arrives. It
  /// ends as `Errc::interrupted` if that does not work: then `start` does it, or finds out why not.
  [[nodiscard]] std::shared_ptr<Flight> follow(const Digest& diff, const Digest& layer,
                                               std::uint64_t size, std::shared_ptr<Arrival> arrival,
                                               const Observe& observe);
  /// Returns the flight of `follow` if it is at work; null if it has not begun or has ended. A
  /// flight that has not begun may be queued behind those of layers that do not arrive.
  [[nodiscard]] std::shared_ptr<Flight> following(const Digest& diff, const Digest& layer) const;

 private:
  /// What a layer turned out to be, and the file that holds it.
  struct Tar {
    LayerContent content;
    HashedFile hashed;
  };
  /// A layer that is being downloaded.
  struct ArrivingLayer {
    const Digest& digest;
    std::uint64_t size = 0;  ///< by its descriptor
    ArrivalReader reader;
  };
  /// Passes a layer through. Returns nothing if it turned out to be damaged.
  using Pass = std::function<std::optional<LayerContent>(ByteSink& output)>;

  void unpack(Partial partial, const VerifiedFile& layer, TarObserver* observer,
              const std::stop_token& stop, Flight& flight);
  [[nodiscard]] std::optional<Tar> write(Partial& partial, const VerifiedFile& layer,
                                         TarObserver*& observer, const std::stop_token& stop,
                                         Flight& flight);
  [[nodiscard]] std::optional<LayerContent> pass(const VerifiedFile& layer, ByteSink& output,
                                                 const std::stop_token& stop, Flight& flight);
  void unpack_arriving(Partial partial, ArrivingLayer& layer, TarObserver* observer,
                       const std::stop_token& stop, Flight& flight);
  [[nodiscard]] std::optional<Tar> write_tar(ByteSink& disk, const Partial& partial,
                                             TarObserver* observer, const Pass& pass,
                                             const std::stop_token& stop, Flight& flight);
  void keep(Partial partial, const Digest& layer, const Tar& tar, TarObserver* observer);
  [[nodiscard]] LayerContent pass(ArrivingLayer& layer, ByteSink& output,
                                  const std::stop_token& stop, Flight& flight);
  [[nodiscard]] std::optional<HashedFile> check_written(int file, WrittenFile& written,
                                                        const std::stop_token& stop,
                                                        Flight& flight);
  [[noreturn]] void give_up(const Digest& diff, const Digest& layer, const Error& cause);

  // Constant after construction.
  const Store& store_;
  Layers& layers_;
  OpenObjects& open_objects_;
  Problems& problems_;
  // Synchronise themselves.
  Flights flights_;
};

}  // namespace digestfs::cache
