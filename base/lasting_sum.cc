// SPDX-License-Identifier: Apache-2.0
#include "base/lasting_sum.h"

#include <bit>
#include <new>

#include <xxhash.h>

namespace digestfs {
namespace {

LastingSum::Value printed(const XXH128_hash_t& sum) noexcept {
  XXH128_canonical_t canonical;
  ::XXH128_canonicalFromHash(&canonical, sum);
  return std::bit_cast<LastingSum::Value>(canonical);
}

}  // namespace

void LastingSum::Free::operator()(XXH3_state_s* state) const noexcept { ::XXH3_freeState(state); }

LastingSum::LastingSum() : state_(::XXH3_createState()) {
  if (!state_) throw std::bad_alloc();
  reset();
}

void LastingSum::update(std::span<const std::byte> bytes) noexcept {
  ::XXH3_128bits_update(state_.get(), bytes.data(), bytes.size());
}

LastingSum::Value LastingSum::value() const noexcept {
  return printed(::XXH3_128bits_digest(state_.get()));
}

void LastingSum::reset() noexcept { ::XXH3_128bits_reset(state_.get()); }

LastingSum::Value LastingSum::of(std::span<const std::byte> bytes) noexcept {
  return printed(::XXH3_128bits(bytes.data(), bytes.size()));
}

}  // namespace digestfs
