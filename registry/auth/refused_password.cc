// SPDX-License-Identifier: Apache-2.0
#include "registry/auth/refused_password.h"

#include <algorithm>
#include <utility>

namespace digestfs::registry {
namespace {

/// Returns the entry of `credential`, or the end of `entries`.
template <class Entries>
auto find(Entries& entries, const Credential& credential) {
  return std::find_if(entries.begin(), entries.end(),
                      [&](const auto& entry) { return entry.credential == credential; });
}

/// Makes `entry` the newest of `entries`, and the only one of its credential.
template <class Entry>
void put(std::vector<Entry>& entries, Entry entry) {
  const auto at = find(entries, entry.credential);
  if (at != entries.end()) {
    entries.erase(at);
  } else if (entries.size() == RefusedPassword::kMost) {
    entries.erase(entries.begin());
  }
  entries.push_back(std::move(entry));
}

}  // namespace

bool RefusedPassword::check(const Credential& credential) {
  const auto known = known_.lock();
  const auto at = find(*known, credential);
  if (at == known->end()) return false;
  at->refusal.check();
  at->refusal.hold();
  return true;
}

void RefusedPassword::accept(const Credential& credential, const std::string& target) {
  {
    const auto known = known_.lock();
    const auto at = find(*known, credential);
    if (at != known->end()) known->erase(at);
  }
  put(*accepted_.lock(), {credential, target});
}

std::optional<std::string> RefusedPassword::accepted_for(const Credential& credential) const {
  const auto accepted = accepted_.lock();
  const auto at = find(*accepted, credential);
  if (at == accepted->end()) return std::nullopt;
  return at->target;
}

void RefusedPassword::refuse(const Credential& credential, const Error& error) {
  put(*known_.lock(), {credential, Refusal(error, pause_), Clock::now()});
}

bool RefusedPassword::refuse_again(const Credential& credential, Clock::time_point sent_at) {
  const auto known = known_.lock();
  const auto at = find(*known, credential);
  if (at == known->end()) return false;
  if (sent_at <= at->at) return true;  // together with the one that told
  at->refusal.repeat();
  at->at = Clock::now();
  return true;
}

void RefusedPassword::give_back(const Credential& credential) {
  const auto known = known_.lock();
  const auto at = find(*known, credential);
  if (at != known->end()) at->refusal.lift();
}

}  // namespace digestfs::registry
