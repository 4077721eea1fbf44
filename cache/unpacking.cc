// SPDX-License-Identifier: Apache-2.0
#include "cache/unpacking.h"

#include <utility>
#include <vector>

#include "base/error.h"
#include "base/fingerprint.h"
#include "base/piped_sink.h"
#include "base/text.h"
#include "cache/disk_sink.h"
#include "cache/layer_note.h"
#include "cache/take_partial.h"

namespace digestfs::cache {
namespace {

constexpr std::size_t kTarChunk = std::size_t{256} << 10U;
// How often a layer's file may be touched while it is read.
constexpr int kMaxTouches = 8;

/// Takes the tar of a layer: keeps it in a file, hashes it, and shows it to an observer.
class TarTaker final : public ByteSink {
 public:
  TarTaker(ByteSink& file, std::string_view algorithm, TarObserver* observer)
      : file_(file), hasher_(algorithm), observer_(observer) {}

  void write(std::span<const std::byte> bytes) override {
    file_.write(bytes);
    hasher_.update(bytes);
    sum_.update(bytes);
    if (observer_ != nullptr) observer_->see(bytes);
  }

  [[nodiscard]] Digest finish() { return hasher_.finish(); }
  [[nodiscard]] QuickSum::Value sum() const { return sum_.value(); }

 private:
  ByteSink& file_;
  Hasher hasher_;
  QuickSum sum_;
  TarObserver* observer_;
};

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

void Unpacking::unpack(Partial partial, const VerifiedFile& layer, TarObserver* observer,
                       const std::stop_token& stop, Flight& flight) {
  const Digest diff = partial.digest();
  if (store_.open(Area::diffs, diff)) {
    store_.discard(std::move(partial));
    return;
  }
  partial.truncate();
  std::optional<LayerContent> content;
  std::optional<HashedFile> hashed;
  try {
    // A tar is about as large as its layer, or larger: how much larger, nobody knows. If not even
    // this fits, nothing is thrown out for it.
    store_.reserve(layer.size());
    DiskSink disk(store_, partial);
    TarTaker tar(disk, diff.algorithm(), observer);
    PipedSink pipe(tar);
    content = pass(layer, pipe, stop, flight);
    if (content) {
      pipe.finish();
      hashed = check_written(partial.fd(), tar.finish(), tar.sum(), stop, flight);
    }
  } catch (const Error& error) {
    store_.discard(std::move(partial));
    give_up(diff, layer.digest(), error);
  } catch (...) {
    store_.discard(std::move(partial));
    throw;
  }
  if (!hashed) {
    store_.discard(std::move(partial));
    return;
  }
  if (!content->remark.empty()) {
    problems_.report(
        {ProblemKind::remark, layer.digest().str(), std::nullopt, std::nullopt, content->remark});
  }
  write_layer_note(store_, layer.digest(), hashed->digest, *content);
  open_objects_.publish(std::move(partial), Area::diffs, *hashed);
  const ActualDiff actual{hashed->digest, content->size};
  layers_.set_actual(layer.digest(), actual);
  if (hashed->digest == diff) {
    if (observer != nullptr) observer->end();
    return;
  }
  problems_.report(
      {ProblemKind::diff_mismatch, diff.str(), Claim{diff, std::nullopt},
       Claim{hashed->digest, content->size},
       str_cat("the layer ", layer.digest(), " decompresses to other bytes than its diff_id")});
  throw wrong_diff(diff, layer.digest(), actual);
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

/// Returns what the file is, if it still is what was written to it: bytes of this `digest` and
/// `sum`. Otherwise somebody else wrote to it as well; reports that, and returns nothing.
std::optional<HashedFile> Unpacking::check_written(int file, const Digest& digest,
                                                   const QuickSum::Value& sum,
                                                   const std::stop_token& stop, Flight& flight) {
  const Fingerprint before = Fingerprint::of(file);
  QuickSum found;
  read_file(file, before.size, stop, &flight, [&](auto bytes) { found.update(bytes); });
  if (found.value() == sum && Fingerprint::of(file) == before) return HashedFile{digest, before};
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
