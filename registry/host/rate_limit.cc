// SPDX-License-Identifier: Apache-2.0
#include "registry/host/rate_limit.h"

#include <algorithm>
#include <cstddef>

#include "base/text.h"

namespace digestfs::registry {
namespace {

constexpr std::size_t kMaxAccounts = 16;

/// Names an account by what stays the same when a helper hands out a new password.
std::string account_of(const std::optional<Credential>& who) {
  return who ? str_cat(who->user, "\n", who->from, "\n", who->identity_token) : std::string();
}

}  // namespace

void RateLimit::close(Clock::duration wait) {
  const auto state = state_.lock();
  state->everybody = std::max(state->everybody, Clock::now() + wait);
}

void RateLimit::close_to(const std::optional<Credential>& who, Clock::duration wait) {
  const auto now = Clock::now();
  const auto state = state_.lock();
  std::erase_if(state->accounts, [now](const auto& account) { return account.second <= now; });
  const std::string account = account_of(who);
  // So many accounts belong to a client that tries to get round a limit.
  const bool is_full = state->accounts.size() >= kMaxAccounts && !state->accounts.contains(account);
  auto& until = is_full ? state->everybody : state->accounts[account];
  until = std::max(until, now + wait);
}

Clock::time_point RateLimit::latest() const {
  const auto state = state_.lock();
  auto latest = state->everybody;
  for (const auto& [account, until] : state->accounts) latest = std::max(latest, until);
  return latest;
}

Clock::time_point RateLimit::until(const std::optional<Credential>& who) const {
  const auto state = state_.lock();
  const auto at = state->accounts.find(account_of(who));
  return at == state->accounts.end() ? state->everybody : std::max(state->everybody, at->second);
}

}  // namespace digestfs::registry
