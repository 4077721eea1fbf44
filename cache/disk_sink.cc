// SPDX-License-Identifier: Apache-2.0
#include "cache/disk_sink.h"

#include <algorithm>

namespace digestfs::cache {
namespace {

// How often a writer asks whether the disk still has room, in bytes.
constexpr std::uint64_t kReserveStep = std::uint64_t{16} << 20U;

}  // namespace

void DiskSink::expect(std::uint64_t bytes) {
  store_.reserve(bytes);
  to_come_ = bytes;
  reserved_ = 0;
}

void DiskSink::write(std::span<const std::byte> bytes) {
  if (bytes.size() > reserved_) {
    // Step by step, because others write to that disk as well; no more than is needed.
    const std::uint64_t step = std::min(kReserveStep, to_come_.value_or(kReserveStep));
    reserved_ = std::max<std::uint64_t>(step, bytes.size());
    if (!to_come_ && unsized_ == Unsized::asks && !store_.has_room(reserved_)) throw SizeWanted();
    store_.reserve(reserved_);
  }
  reserved_ -= bytes.size();
  if (to_come_) *to_come_ -= std::min<std::uint64_t>(*to_come_, bytes.size());
  partial_.write_at(bytes, at_);
  at_ += bytes.size();
}

}  // namespace digestfs::cache
