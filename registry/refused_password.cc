// SPDX-License-Identifier: Apache-2.0
#include "registry/refused_password.h"

#include <algorithm>
#include <chrono>

#include "base/flights.h"
#include "base/text.h"

namespace digestfs::registry {
namespace {

constexpr std::chrono::minutes kLongestPause{5};

}  // namespace

void RefusedPassword::check(const Credential& credential) {
  const auto refusal = refusal_.lock();
  if (!*refusal || (*refusal)->credential != credential) return;
  const auto now = Clock::now();
  if (now < (*refusal)->until) {
    const auto left = std::chrono::ceil<std::chrono::seconds>((*refusal)->until - now);
    throw Error((*refusal)->error.code(),
                str_cat("the password was refused, and is not sent again for ", left.count(),
                        " s: ", (*refusal)->error.what()));
  }
  (*refusal)->until = now + (*refusal)->pause;
}

void RefusedPassword::accept(const Credential& credential) {
  refusal_.lock()->reset();
  *accepted_.lock() = credential;
}

bool RefusedPassword::was_accepted(const Credential& credential) const {
  return *accepted_.lock() == credential;
}

void RefusedPassword::refuse(const Credential& credential, const Error& error) {
  const auto now = Clock::now();
  *refusal_.lock() = Refusal{.credential = credential,
                             .error = error,
                             .pause = kFailureMemory,
                             .known_at = now,
                             .until = now + kFailureMemory};
}

bool RefusedPassword::refuse_again(const Credential& credential, Clock::time_point sent_at) {
  const auto refusal = refusal_.lock();
  if (!*refusal || (*refusal)->credential != credential) return false;
  if (sent_at <= (*refusal)->known_at) return true;  // together with the one that told
  const auto now = Clock::now();
  (*refusal)->pause = std::min<Clock::duration>(2 * (*refusal)->pause, kLongestPause);
  (*refusal)->known_at = now;
  (*refusal)->until = now + (*refusal)->pause;
  return true;
}

}  // namespace digestfs::registry
