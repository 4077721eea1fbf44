// SPDX-License-Identifier: Apache-2.0
#include "base/quick_sum.h"

#include <array>
#include <new>

#include <sys/random.h>
#include <xxhash.h>

#include "base/error.h"
#include "base/text.h"

namespace digestfs {

void QuickSum::Free::operator()(XXH3_state_s* state) const noexcept { ::XXH3_freeState(state); }

namespace {

using Secret = std::array<unsigned char, XXH3_SECRET_SIZE_MIN + 56>;

/// Returns the secret of this process.
const Secret& secret() {
  static const Secret random = [] {
    Secret bytes{};
    // The system gives as few as these in one piece.
    if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
      throw_system_error("get random bytes");
    }
    return bytes;
  }();
  return random;
}

}  // namespace

QuickSum::QuickSum() : state_(::XXH3_createState()) {
  const Secret& made = secret();
  if (!state_ ||
      ::XXH3_128bits_reset_withSecret(state_.get(), made.data(), made.size()) != XXH_OK) {
    throw std::bad_alloc();
  }
}

void QuickSum::update(std::span<const std::byte> bytes) noexcept {
  ::XXH3_128bits_update(state_.get(), bytes.data(), bytes.size());
}

QuickSum::Value QuickSum::value() const noexcept {
  const XXH128_hash_t sum = ::XXH3_128bits_digest(state_.get());
  return {sum.low64, sum.high64};
}

std::string summing_library() {
  const unsigned version = ::XXH_versionNumber();
  constexpr unsigned kStep = 100;
  return str_cat("xxHash ", version / kStep / kStep, ".", version / kStep % kStep, ".",
                 version % kStep);
}

}  // namespace digestfs
