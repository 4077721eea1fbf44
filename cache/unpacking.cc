// SPDX-License-Identifier: Apache-2.0
#include "cache/unpacking.h"

#include <utility>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "cache/disk_sink.h"
#include "cache/hash_file.h"
#include "cache/layer_note.h"

namespace digestfs::cache {
namespace {

constexpr std::size_t kChunk = std::size_t{256} << 10U;
// How often a layer's file may be touched while it is read.
constexpr int kMaxTouches = 8;

/// Writes to a file what an observer may see as well.
class ObservedSink final : public ByteSink {
 public:
  ObservedSink(ByteSink& file, TarObserver* observer) : file_(file), observer_(observer) {}

  void write(std::span<const std::byte> bytes) override {
    file_.write(bytes);
    if (observer_ != nullptr) observer_->see(bytes);
  }

 private:
  ByteSink& file_;
  TarObserver* observer_;
};

/// Hashes what it is given, and keeps none of it.
class HashingSink final : public ByteSink {
 public:
  explicit HashingSink(std::string_view algorithm) : hasher_(algorithm) {}

  void write(std::span<const std::byte> bytes) override { hasher_.update(bytes); }
  [[nodiscard]] Digest finish() { return hasher_.finish(); }

 private:
  Hasher hasher_;
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
  return flights_.join(str_cat("unpack ", diff, " ", layer->digest()), lane_on_disk(layer->size()),
                       [this, diff, layer, observe](const std::stop_token& stop, Flight& flight) {
                         const auto observer = observe ? observe() : nullptr;
                         unpack(diff, *layer, observer.get(), stop, flight);
                       });
}

void Unpacking::unpack(const Digest& diff, const VerifiedFile& layer, TarObserver* observer,
                       const std::stop_token& stop, Flight& flight) {
  // Throws for a diff_id that no content can be checked against, before anything is unpacked.
  static_cast<void>(Hasher(diff.algorithm()));
  Partial partial = store_.take_partial(diff, stop);
  if (store_.open(Area::diffs, diff)) {
    store_.discard(std::move(partial));
    return;
  }
  partial.truncate();
  std::optional<LayerContent> content;
  std::optional<HashedFile> hashed;
  try {
    DiskSink disk(store_, partial);
    ObservedSink output(disk, observer);
    content = pass(layer, output, stop, flight);
    if (content) hashed = hash_whole_file(partial.fd(), diff.algorithm(), stop, &flight);
    if (hashed && hashed->digest != diff && !is_content_of(layer, *hashed, stop, flight)) {
      hashed.reset();
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
  std::vector<std::byte> buffer(kChunk);
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

/// Returns true if `layer` really unpacks to the bytes of `file`, which are not those of the
/// diff_id. Otherwise somebody else wrote to the file; reports that. Unpacks the layer once more to
/// know.
bool Unpacking::is_content_of(const VerifiedFile& layer, const HashedFile& file,
                              const std::stop_token& stop, Flight& flight) {
  HashingSink hash(file.digest.algorithm());
  const auto content = pass(layer, hash, stop, flight);
  if (!content) return false;
  const Digest digest = hash.finish();
  if (digest == file.digest) return true;
  problems_.report({ProblemKind::cache_damaged, digest.str(), Claim{digest, content->size},
                    Claim{file.digest, file.fingerprint.size},
                    "somebody else wrote to the file while the layer was unpacked to it"});
  return false;
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
