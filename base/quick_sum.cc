// SPDX-License-Identifier: Apache-2.0
#include "base/quick_sum.h"

#include <new>

#include <xxhash.h>

namespace digestfs {

void QuickSum::Free::operator()(XXH3_state_s* state) const noexcept { ::XXH3_freeState(state); }

QuickSum::QuickSum() : state_(::XXH3_createState()) {
  if (!state_ || ::XXH3_128bits_reset(state_.get()) != XXH_OK) throw std::bad_alloc();
}

void QuickSum::update(std::span<const std::byte> bytes) noexcept {
  ::XXH3_128bits_update(state_.get(), bytes.data(), bytes.size());
}

QuickSum::Value QuickSum::value() const noexcept {
  const XXH128_hash_t sum = ::XXH3_128bits_digest(state_.get());
  return {sum.low64, sum.high64};
}

}  // namespace digestfs
