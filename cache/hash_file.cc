// SPDX-License-Identifier: Apache-2.0
#include "cache/hash_file.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/error.h"
#include "base/file.h"

namespace digestfs::cache {
namespace {

constexpr std::size_t kHashChunk = std::size_t{256} << 10U;
// How often a file that changes while it is hashed is hashed again.
constexpr int kMaxHashings = 3;

}  // namespace

void read_file(int fd, std::uint64_t bytes, const std::stop_token& stop, Flight* flight,
               const std::function<void(std::span<const std::byte>)>& take) {
  if (flight != nullptr) flight->begin(bytes);
  std::vector<std::byte> buffer(
      static_cast<std::size_t>(std::min<std::uint64_t>(kHashChunk, bytes)));
  for (std::uint64_t at = 0; at < bytes;) {
    if (stop.stop_requested()) throw Error(Errc::interrupted, "stopped while reading the cache");
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(kHashChunk, bytes - at));
    const std::size_t got = read_at(fd, std::span(buffer).first(want), at);
    if (got == 0) return;
    take(std::span(buffer).first(got));
    if (flight != nullptr) flight->advance(got);
    at += got;
  }
}

HashedFile hash_whole_file(int fd, std::string_view algorithm, const std::stop_token& stop,
                           Flight* flight, WithSums with_sums) {
  for (int attempt = 0; attempt < kMaxHashings; ++attempt) {
    const Fingerprint before = Fingerprint::of(fd);
    Hasher hasher(algorithm);
    std::optional<BlockSummer> sums;
    if (with_sums == WithSums::yes) sums.emplace();
    read_file(fd, before.size, stop, flight, [&](auto piece) {
      hasher.update(piece);
      if (sums) sums->update(piece);
    });
    if (Fingerprint::of(fd) != before) continue;
    HashedFile hashed{hasher.finish(), before};
    if (sums) hashed.sums = sums->finish();
    return hashed;
  }
  throw Error(Errc::unavailable, "somebody else keeps writing to the file in the cache");
}

}  // namespace digestfs::cache
