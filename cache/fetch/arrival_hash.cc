// SPDX-License-Identifier: Apache-2.0
#include "cache/fetch/arrival_hash.h"

#include <cstddef>
#include <exception>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

namespace digestfs::cache {
namespace {

constexpr std::size_t kArrivalChunk = std::size_t{256} << 10U;

}  // namespace

ArrivalHash::ArrivalHash(std::shared_ptr<Arrival> arrival, int fd, std::string_view algorithm,
                         WithSums with_sums)
    : file_(fd, algorithm, WrittenFile::Writers::any) {
  if (with_sums == WithSums::yes) sums_.emplace();
  try {
    thread_ =
        std::jthread([this, reader = ArrivalReader(std::move(arrival))](
                         const std::stop_token& stop) mutable { run(stop, std::move(reader)); });
  } catch (const std::system_error&) {
    // `finish` has nothing to return then.
  }
}

std::optional<HashedFile> ArrivalHash::finish(const std::stop_token& stop) {
  const std::stop_callback end(stop, [this] { thread_.request_stop(); });
  if (thread_.joinable()) thread_.join();
  if (!has_all_) return std::nullopt;
  auto hashed = file_.recognise(stop);
  if (hashed && sums_) hashed->sums = sums_->finish();
  return hashed;
}

/// Whatever fails here, the file is hashed from its start in the end, and fails there.
void ArrivalHash::run(const std::stop_token& stop, ArrivalReader reader) try {
  std::vector<std::byte> buffer(kArrivalChunk);
  while (const std::size_t got = reader.read(buffer, stop)) {
    const auto piece = std::span(buffer).first(got);
    file_.update(piece);
    if (sums_) sums_->update(piece);
  }
  has_all_ = true;
} catch (const std::exception&) {
  has_all_ = false;
}

}  // namespace digestfs::cache
