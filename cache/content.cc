// SPDX-License-Identifier: Apache-2.0
#include "cache/content.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "cache/unpack/layer_note.h"

namespace digestfs::cache {
namespace {

using registry::Endpoint;

// Each turn of opening gets one step further: the damaged copy was found, the layer fetched, the
// layer unpacked. The bound is for a cache that somebody empties as fast as it is filled.
constexpr int kMaxSteps = 8;

// Of a layer of fewer bytes, nothing is gained by beginning early.
constexpr std::uint64_t kWorthFollowing = std::uint64_t{1} << 20U;

/// Returns true for the digest of no bytes at all.
bool is_of_nothing(const Digest& digest) {
  return digest.is_verifiable() && digest_of("", digest.algorithm()) == digest;
}

/// Returns true if the failure to unpack one layer says nothing about another layer. A source that
/// does not answer fails for all of them.
bool is_of_one_layer(Errc code) noexcept {
  return code == Errc::corrupt || code == Errc::not_found || code == Errc::too_large ||
         code == Errc::unsupported;
}

}  // namespace

Content::Content(const Store& store, registry::Source& source, Workers& workers, Problems& problems,
                 Network network, const DownloadPolicy& policy)
    : store_(store),
      source_(source),
      problems_(problems),
      network_(network),
      quarantine_(store),
      open_objects_(store, objects_, problems, workers),
      downloads_(store, objects_, open_objects_, quarantine_, problems, workers, policy),
      unpacking_(store, layers_, open_objects_, problems, workers),
      questions_(workers) {}

void Content::meet(const Digest& digest, Endpoint endpoint, std::optional<std::uint64_t> size,
                   const std::vector<std::string>& urls) {
  objects_.meet(digest, {&source_, endpoint}, size);
  for (const std::string& url : urls) objects_.meet(digest, {&source_, endpoint, url}, size);
}

void Content::guess(const Digest& digest, Endpoint endpoint) {
  objects_.guess(digest, {&source_, endpoint});
}

void Content::meet_diff(const Digest& diff, const Digest& blob) {
  if (!layers_.meet(diff, blob)) return;
  if (const auto noted = read_layer_note(store_, blob, diff)) objects_.note_size(diff, *noted);
}

bool Content::has_blob(const Digest& digest, const Patience& patience) {
  if (objects_.find(digest).is_behind(Endpoint::blobs)) return true;
  if (network_ == Network::offline) {
    const auto file = store_.open(Area::blobs, digest);
    if (!file) {
      throw Error(Errc::timed_out, str_cat("cannot look for ", digest, " in ", source_.name(),
                                           ": it is not cached, and --offline was given"));
    }
    meet(digest, Endpoint::blobs, Fingerprint::of(file->get()).size);
    return true;
  }
  const auto look = [this, digest](const std::stop_token& stop) {
    const auto found = source_.find(Endpoint::blobs, digest, {.stop = stop});
    if (!found) throw Error(Errc::not_found, str_cat(source_.name(), " has no blob ", digest));
    meet(digest, Endpoint::blobs, found->size);
  };
  try {
    await(questions_.join("find " + digest.str(), Lane::question, look), patience);
  } catch (const Error& error) {
    if (error.code() == Errc::not_found) return false;
    throw;
  }
  return true;
}

bool Content::may_have_manifest(const Digest& digest, const Patience& patience) {
  if (network_ == Network::offline) return true;
  if (!open_objects_.has(digest) || objects_.find(digest).is_confirmed) return true;
  const auto look = [this, digest](const std::stop_token& stop) {
    if (!source_.find(Endpoint::manifests, digest, {.stop = stop})) {
      throw Error(Errc::not_found, str_cat(source_.name(), " has no manifest ", digest));
    }
    objects_.confirm(digest);
  };
  try {
    await(questions_.join("find manifest " + digest.str(), Lane::question, look), patience);
  } catch (const Error& error) {
    if (error.code() == Errc::not_found) return false;
    if (!is_silence(error.code())) throw;
  }
  return true;
}

bool Content::has_diff(const Digest& digest) const {
  return layers_.first_of(digest) || store_.open(Area::diffs, digest).has_value();
}

std::shared_ptr<const VerifiedFile> Content::open(const Digest& digest, const Patience& patience,
                                                  Lane lane, std::uint64_t limit,
                                                  const Observe& observe) {
  for (int step = 0; step < kMaxSteps; ++step) {
    if (auto file = open_objects_.open(digest, patience)) return file;
    const KnownObject known = objects_.find(digest);
    if (!known.origins.empty()) {
      fetch(digest, known, patience, lane, limit);
    } else if (auto layers = layers_.of(digest); !layers.empty()) {
      // If the source has it, it has an origin from here on.
      if (is_kept_diff(digest, patience)) continue;
      unpack(digest, std::move(layers), patience, lane, limit, observe);
    } else {
      throw Error(Errc::not_found, str_cat("cannot open ", digest, ": ", source_.name(),
                                           " has not shown where it would come from"));
    }
  }
  throw Error(Errc::unavailable,
              str_cat("cannot open ", digest, ": it keeps disappearing from the cache"));
}

std::shared_ptr<const VerifiedFile> Content::open_by_blocks(const Digest& digest,
                                                            const Patience& patience,
                                                            const Observe& observe) {
  if (auto file = open_objects_.open_by_blocks(digest)) return file;
  return open(digest, patience, Lane::download, kNoLimit, observe);
}

/// Returns true if the source has `diff` itself, so that no layer has to be unpacked to it.
bool Content::is_kept_diff(const Digest& diff, const Patience& patience) {
  return network_ == Network::allowed && source_.keeps_diffs() && has_blob(diff, patience);
}

void Content::fetch(const Digest& digest, const KnownObject& known, const Patience& patience,
                    Lane lane, std::uint64_t limit) {
  if (network_ == Network::offline) {
    objects_.forget_guess(digest);
    throw Error(Errc::timed_out, str_cat("cannot fetch ", digest, " from ", source_.name(),
                                         ": it is not cached, and --offline was given"));
  }
  if (known.is_failed(Clock::now())) throw Error(known.failure->error);
  // A layer's tar that is kept as it is: its files are going to be read (promise 2).
  const WithSums with_sums = layers_.first_of(digest) ? WithSums::yes : WithSums::no;
  await(downloads_.start(digest, known, lane, limit, with_sums), patience);
}

/// Opens a layer that is to be unpacked. If it has to be downloaded first, begins to unpack it
/// while it arrives.
std::shared_ptr<const VerifiedFile> Content::open_layer(const Digest& layer, const Digest& diff,
                                                        const Patience& patience, Lane lane,
                                                        std::uint64_t limit,
                                                        const Observe& observe) {
  try {
    return open(layer, patience, lane, limit);
  } catch (Pending& pending) {
    const std::uint64_t size = objects_.find(layer).most_claimed;
    if (size > kWorthFollowing) {
      if (auto arrival = downloads_.arrival(layer)) {
        pending.others.push_back(unpacking_.follow(diff, layer, size, std::move(arrival), observe));
      }
    }
    throw;
  }
}

/// Makes `diff` of the first of `layers` that gives it; there is one at least.
void Content::unpack(const Digest& diff, std::vector<Digest> layers, const Patience& patience,
                     Lane lane, std::uint64_t limit, const Observe& observe) {
  // First those that cost no download. Not std::ranges: what it returns of GCC 12's library is too
  // much for clang 14.
  std::stable_partition(layers.begin(), layers.end(),
                        [this](const Digest& layer) { return open_objects_.has(layer); });
  std::exception_ptr failure;
  for (const Digest& layer : layers) {
    try {
      unpacking_.check(diff, layer);
      const auto file = open_layer(layer, diff, patience, lane, limit, observe);
      const auto following = unpacking_.following(diff, layer);
      await(following ? following : unpacking_.start(diff, file, observe), patience);
      return;
    } catch (const Error& error) {
      if (!is_of_one_layer(error.code())) throw;
      if (!failure) failure = std::current_exception();
    }
  }
  std::rethrow_exception(failure);
}

std::string Content::read_small(const Digest& digest, const Patience& patience, std::size_t limit) {
  const auto file = open(digest, patience, Lane::question, limit);
  if (file->size() > limit) {
    throw Error(Errc::too_large,
                str_cat("cannot read ", digest, ": it is larger than ", limit, " bytes"));
  }
  std::string text(static_cast<std::size_t>(file->size()), '\0');
  const auto got = read(file, std::as_writable_bytes(std::span(text)), 0, patience);
  text.resize(got);
  return text;
}

void Content::check_size(const Digest& digest, std::uint64_t claimed, const Patience& patience) {
  auto actual = objects_.find(digest).proven;
  if (!actual) {
    const auto cached = open_objects_.cached_size(digest);
    if (!cached || *cached == claimed) return;
    // The size of a damaged file says nothing.
    open_objects_.verify(digest, patience);
    actual = objects_.find(digest).proven;
  }
  if (!actual || *actual == claimed) return;
  problems_.report_size(digest, claimed, *actual);
  throw Error(Errc::corrupt, str_cat("cannot show what is in ", digest, ": a descriptor gives ",
                                     claimed, " bytes, the object has ", *actual));
}

std::optional<Size> Content::size(const Digest& digest) const {
  const KnownObject known = objects_.find(digest);
  if (known.proven) return Size{*known.proven, true, true};
  if (known.noted) return Size{*known.noted, true, false};
  if (known.claimed && (*known.claimed > 0 || is_of_nothing(digest))) {
    return Size{*known.claimed, true, false};
  }
  // A placeholder is never 0: tools take an empty file for one not worth reading.
  if (const auto first = layers_.first_of(digest)) {
    // One step, not `size` of the layer: an uncompressed layer is its own diff, and a config may
    // make any two layers each other's.
    const KnownObject layer = objects_.find(*first);
    const auto bytes = layer.proven ? layer.proven : layer.claimed;
    return Size{std::max<std::uint64_t>(bytes.value_or(0), 1), false, false};
  }
  if (const auto cached = open_objects_.cached_size(digest)) {
    return Size{std::max<std::uint64_t>(*cached, 1), false, false};
  }
  if (!known.origins.empty()) return Size{1, false, false};
  return std::nullopt;
}

}  // namespace digestfs::cache
