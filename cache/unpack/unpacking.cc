// SPDX-License-Identifier: Apache-2.0
#include "cache/unpack/unpacking.h"

#include <utility>
#include <vector>

#include "base/byte_counter.h"
#include "base/error.h"
#include "base/piped_sink.h"
#include "base/text.h"
#include "cache/disk_sink.h"
#include "cache/take_partial.h"
#include "cache/unpack/layer_note.h"

namespace digestfs::cache {
namespace {

constexpr std::size_t kTarChunk = std::size_t{256} << 10U;
// How often the room is looked at that the rest of a download needs, in bytes.
constexpr std::uint64_t kRoomToLookAt = std::uint64_t{16} << 20U;
// How often a layer's file may be touched while it is read.
constexpr int kMaxTouches = 8;

/// Takes the tar of a layer: keeps it in a file, hashes it and its blocks, and shows it to an
/// observer.
class TarTaker final : public ByteSink {
 public:
  /// What is written to `disk` comes into the file `fd`.
  TarTaker(ByteSink& disk, int fd, std::string_view algorithm, WrittenFile::Writers writers,
           TarObserver* observer)
      : disk_(disk), file_(fd, algorithm, writers), observer_(observer) {}

  void write(std::span<const std::byte> bytes) override {
    disk_.write(bytes);
    file_.update(bytes);
    block_sums_.update(bytes);
    if (observer_ != nullptr) observer_->see(bytes);
  }

  [[nodiscard]] WrittenFile& file() noexcept { return file_; }
  [[nodiscard]] BlockSums block_sums() { return block_sums_.finish(); }

 private:
  ByteSink& disk_;
  WrittenFile file_;
  BlockSummer block_sums_;
  TarObserver* observer_;
};

/// The name of the flight that unpacks a layer while it arrives.
std::string name_of_following(const Digest& diff, const Digest& layer) {
  return str_cat("unpack ", diff, " ", layer, " while it arrives");
}

Error wrong_diff(const Digest& diff, const Digest& layer, const ActualDiff& actual) {
  return {Errc::corrupt, str_cat("cannot open diff ", diff, ": the layer ", layer,
                                 " decompresses to ", actual.digest, ", ", actual.size, " bytes")};
}

}  // namespace

void Unpacking::check(const Digest& diff, const Digest& layer) const {
  if (const auto actual = layers_.other_than(diff, layer)) throw wrong_diff(diff, layer, *actual);
  if (const auto why = layers_.undecodable(layer)) throw Error(*why);
}

std::shared_ptr<Flight> Unpacking::start(const Digest& diff, const OpenObjects::File& layer,
                                         const Observe& observe) {
  // Throws for a diff_id that no content can be checked against, before anything is unpacked.
  static_cast<void>(Hasher(diff.algorithm()));
  return flights_.join(
      str_cat("unpack ", diff, " ", layer->digest()), lane_on_disk(layer->size()),
      [this, layer, observe, claim = std::make_shared<PartialClaim>(store_.claim(diff))](
          const std::stop_token& stop, Flight& flight) {
        Partial partial = take_partial(*claim, stop);
        const auto observer = observe ? observe() : nullptr;
        unpack(std::move(partial), *layer, observer.get(), stop, flight);
      });
}

std::shared_ptr<Flight> Unpacking::follow(const Digest& diff, const Digest& layer,
                                          std::uint64_t size, std::shared_ptr<Arrival> arrival,
                                          const Observe& observe) {
  // Throws for a diff_id that no content can be checked against, before anything is unpacked.
  static_cast<void>(Hasher(diff.algorithm()));
  return flights_.join(name_of_following(diff, layer), Lane::follow,
                       [this, diff, layer, size, observe, arrival = std::move(arrival)](
                           const std::stop_token& stop, Flight& flight) {
                         if (open_objects_.has(diff)) return;
                         // It waits for the network, so it must not hold what others wait for.
                         Partial partial = store_.make_own(diff);
                         const auto observer = observe ? observe() : nullptr;
                         ArrivingLayer arriving{layer, size, ArrivalReader(arrival)};
                         unpack_arriving(std::move(partial), arriving, observer.get(), stop,
                                         flight);
                       });
}

std::shared_ptr<Flight> Unpacking::following(const Digest& diff, const Digest& layer) const {
  auto flight = flights_.find(name_of_following(diff, layer));
  return flight && flight->has_begun() ? flight : nullptr;
}

void Unpacking::unpack(Partial partial, const VerifiedFile& layer, TarObserver* observer,
                       const std::stop_token& stop, Flight& flight) {
  const Digest diff = partial.digest();
  if (open_objects_.has(diff)) {
    store_.discard(std::move(partial));
    return;
  }
  std::optional<Tar> tar;
  try {
    tar = write(partial, layer, observer, stop, flight);
  } catch (const Error& error) {
    store_.discard(std::move(partial));
    give_up(diff, layer.digest(), error);
  } catch (...) {
    store_.discard(std::move(partial));
    throw;
  }
  if (!tar) {
    store_.discard(std::move(partial));
    return;
  }
  keep(std::move(partial), layer.digest(), *tar, observer);
}

/// Unpacks a layer while it arrives. Only what is right is kept: whatever goes wrong, the layer is
/// looked at once more when all of it is there, and that tells what is wrong with it.
void Unpacking::unpack_arriving(Partial partial, ArrivingLayer& layer, TarObserver* observer,
                                const std::stop_token& stop, Flight& flight) {
  const Digest diff = partial.digest();
  std::optional<Tar> tar;
  try {
    DiskSink disk(store_, partial, 0, Unsized::asks);
    tar = write_tar(
        disk, partial, observer,
        [&](ByteSink& output) { return pass(layer, output, stop, flight); }, stop, flight);
    const bool is_right = tar && tar->hashed.digest == diff && layer.reader.is_verified(stop);
    if (!is_right) tar.reset();
  } catch (const Error&) {
    tar.reset();
  } catch (const SizeWanted&) {
    tar.reset();
  } catch (...) {
    store_.discard(std::move(partial));
    throw;
  }
  if (!tar) {
    store_.discard(std::move(partial));
    throw Error(Errc::interrupted,
                str_cat("the layer ", layer.digest, " is unpacked when all of it is there"));
  }
  // Others may have made it from another layer.
  if (open_objects_.has(diff)) {
    store_.discard(std::move(partial));
    return;
  }
  keep(std::move(partial), layer.digest, *tar, observer);
}

/// Writes the tar that `pass` gives to `disk`, the sink of `partial`. Returns nothing if `pass`
/// gives nothing, or if somebody else wrote to the file as well.
std::optional<Unpacking::Tar> Unpacking::write_tar(ByteSink& disk, const Partial& partial,
                                                   TarObserver* observer, const Pass& pass,
                                                   const std::stop_token& stop, Flight& flight) {
  TarTaker taker(disk, partial.fd(), partial.digest().algorithm(),
                 partial.is_unnamed() ? WrittenFile::Writers::only_us : WrittenFile::Writers::any,
                 observer);
  PipedSink pipe(taker);
  const auto content = pass(pipe);
  if (!content) return std::nullopt;
  pipe.finish();
  auto hashed = check_written(partial.fd(), taker.file(), stop, flight);
  if (!hashed) return std::nullopt;
  hashed->sums = taker.block_sums();
  return Tar{*content, *std::move(hashed)};
}

/// Keeps what `layer` turned out to be. Throws if that is not what was promised.
void Unpacking::keep(Partial partial, const Digest& layer, const Tar& tar, TarObserver* observer) {
  const Digest diff = partial.digest();
  const auto& [content, hashed] = tar;
  if (!content.remark.empty()) {
    problems_.report(
        {ProblemKind::remark, layer.str(), std::nullopt, std::nullopt, content.remark});
  }
  write_layer_note(store_, layer, hashed.digest, content);
  const ActualDiff actual{hashed.digest, content.size};
  layers_.set_actual(layer, actual);
  open_objects_.publish(std::move(partial), Area::diffs, hashed);
  if (hashed.digest == diff) {
    if (observer != nullptr) observer->end();
    return;
  }
  problems_.report({ProblemKind::diff_mismatch, diff.str(), Claim{diff, std::nullopt},
                    Claim{hashed.digest, content.size},
                    str_cat("the layer ", layer, " decompresses to other bytes than its diff_id")});
  throw wrong_diff(diff, layer, actual);
}

/// Passes all of a layer through to `output` while it arrives. The flight begins with its first
/// bytes: whoever finds it at work finds it moving.
LayerContent Unpacking::pass(ArrivingLayer& layer, ByteSink& output, const std::stop_token& stop,
                             Flight& flight) {
  LayerPass pass(output);
  std::vector<std::byte> buffer(kTarChunk);
  std::uint64_t at = 0;
  std::uint64_t next_look = 0;
  while (const std::size_t got = layer.reader.read(buffer, stop)) {
    if (at == 0) flight.begin(layer.size);
    at += got;
    if (at >= next_look) {
      // The rest of the download goes first where the disk has no room for both.
      if (!store_.has_room(layer.size > at ? layer.size - at : 0)) throw SizeWanted();
      next_look = at + kRoomToLookAt;
    }
    pass.write(std::span(buffer).first(got));
    flight.advance(got);
  }
  return pass.finish();
}

/// Writes the tar of `layer` to `partial`. Returns nothing if the layer's file turned out to be
/// damaged, or if somebody else wrote to the new one.
///
/// How large a tar is, nobody knows beforehand. As long as the disk has room, that does not matter.
/// When other objects would have to go, the tar is counted first, which costs one more pass over
/// the layer: if it does not fit, nothing is thrown out for it. `observer` is null then, because it
/// has seen a part of the tar already.
std::optional<Unpacking::Tar> Unpacking::write(Partial& partial, const VerifiedFile& layer,
                                               TarObserver*& observer, const std::stop_token& stop,
                                               Flight& flight) {
  const auto pass_layer = [&](ByteSink& output) { return pass(layer, output, stop, flight); };
  partial.truncate();
  // A tar is about as large as its layer, or larger.
  store_.reserve(layer.size());
  try {
    DiskSink disk(store_, partial, 0, Unsized::asks);
    return write_tar(disk, partial, observer, pass_layer, stop, flight);
  } catch (const SizeWanted&) {
    observer = nullptr;
  }
  partial.truncate();
  ByteCounter counter;
  if (!pass(layer, counter, stop, flight)) return std::nullopt;
  DiskSink disk(store_, partial, 0);
  disk.expect(counter.count());
  return write_tar(disk, partial, nullptr, pass_layer, stop, flight);
}

/// Passes all of `layer` through to `output`. Returns nothing if the file of the layer turned out
/// to be damaged.
std::optional<LayerContent> Unpacking::pass(const VerifiedFile& layer, ByteSink& output,
                                            const std::stop_token& stop, Flight& flight) {
  LayerPass pass(output);
  std::vector<std::byte> buffer(kTarChunk);
  flight.begin(layer.size());
  int touches = 0;
  for (std::uint64_t at = 0; at < layer.size();) {
    if (stop.stop_requested()) throw Error(Errc::interrupted, "stopped while decompressing");
    const auto got = layer.read(buffer, at);
    if (!got || *got == 0) {
      // Evicting the layer is enough to change its link count and ctime.
      if (++touches > kMaxTouches) {
        throw Error(Errc::unavailable, "its cached file keeps changing");
      }
      if (!open_objects_.is_still_good(layer, stop)) return std::nullopt;
      continue;
    }
    pass.write(std::span(buffer).first(*got));
    at += *got;
    flight.advance(*got);
  }
  return pass.finish();
}

/// Returns what the file is, if it still is what was written to it. Otherwise somebody else wrote
/// to it as well; reports that, and returns nothing.
std::optional<HashedFile> Unpacking::check_written(int file, WrittenFile& written,
                                                   const std::stop_token& stop, Flight& flight) {
  if (auto same = written.recognise(stop, &flight)) return same;
  const Digest digest = written.digest();
  const HashedFile actual = hash_whole_file(file, digest.algorithm(), stop, &flight);
  problems_.report({ProblemKind::cache_damaged, digest.str(), Claim{digest, std::nullopt},
                    Claim{actual.digest, actual.fingerprint.size},
                    "somebody else wrote to the file while the layer was unpacked to it"});
  return std::nullopt;
}

/// Reports why `layer` cannot be unpacked, and remembers that if it will never change.
void Unpacking::give_up(const Digest& diff, const Digest& layer, const Error& cause) {
  const Error failure(cause.code(),
                      str_cat("cannot decompress ", layer, " to ", diff, ": ", cause.what()));
  const bool is_final = cause.code() == Errc::corrupt || cause.code() == Errc::too_large;
  if (is_final) {
    const bool is_corrupt = cause.code() == Errc::corrupt;
    problems_.report({is_corrupt ? ProblemKind::undecodable : ProblemKind::limit, diff.str(),
                      Claim{diff, std::nullopt}, std::nullopt, failure.what()});
    layers_.set_undecodable(layer, failure);
  }
  throw failure;
}

}  // namespace digestfs::cache
