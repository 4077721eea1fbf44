// SPDX-License-Identifier: Apache-2.0
#include "cache/hash_file.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/error.h"
#include "base/file.h"

namespace digestfs::cache {
namespace {

constexpr std::size_t kChunk = std::size_t{256} << 10U;

}  // namespace

void hash_file(int fd, std::uint64_t bytes, Hasher& hasher, const std::stop_token& stop,
               Flight* flight) {
  if (flight != nullptr) flight->begin(bytes);
  std::vector<std::byte> buffer(static_cast<std::size_t>(std::min<std::uint64_t>(kChunk, bytes)));
  for (std::uint64_t at = 0; at < bytes;) {
    if (stop.stop_requested()) throw Error(Errc::interrupted, "stopped while hashing");
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(kChunk, bytes - at));
    const std::size_t got = read_at(fd, std::span(buffer).first(want), at);
    if (got == 0) return;
    hasher.update(std::span(buffer).first(got));
    if (flight != nullptr) flight->advance(got);
    at += got;
  }
}

}  // namespace digestfs::cache
