// SPDX-License-Identifier: Apache-2.0
#include "cache/fetch/arrival_hash.h"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/quick_sum.h"

namespace digestfs::cache {
namespace {

constexpr std::size_t kArrivalChunk = std::size_t{256} << 10U;

}  // namespace

ArrivalHash::ArrivalHash(std::shared_ptr<Arrival> arrival, std::string algorithm) {
  try {
    thread_ = std::jthread([this, reader = ArrivalReader(std::move(arrival)),
                            algorithm = std::move(algorithm)](const std::stop_token& stop) mutable {
      run(stop, algorithm, std::move(reader));
    });
  } catch (const std::system_error&) {
    // `finish` has nothing to return then.
  }
}

std::optional<SeenBytes> ArrivalHash::finish(const std::stop_token& stop) {
  const std::stop_callback end(stop, [this] { thread_.request_stop(); });
  if (thread_.joinable()) thread_.join();
  return std::move(seen_);
}

/// Whatever fails here, the file is hashed from its start in the end, and fails there.
void ArrivalHash::run(const std::stop_token& stop, const std::string& algorithm,
                      ArrivalReader reader) try {
  Hasher hasher(algorithm);
  QuickSum sum;
  std::uint64_t size = 0;
  std::vector<std::byte> buffer(kArrivalChunk);
  while (const std::size_t got = reader.read(buffer, stop)) {
    const auto piece = std::span(buffer).first(got);
    hasher.update(piece);
    sum.update(piece);
    size += got;
  }
  seen_ = SeenBytes{hasher.finish(), sum.value(), size};
} catch (const std::exception&) {
  seen_.reset();
}

}  // namespace digestfs::cache
