// SPDX-License-Identifier: Apache-2.0
#include "registry/auth/refused_password.h"

namespace digestfs::registry {

bool RefusedPassword::check(const Credential& credential) {
  const auto known = known_.lock();
  if (!*known || (*known)->credential != credential) return false;
  Refusal& refusal = (*known)->refusal;
  refusal.check();
  refusal.hold();
  return true;
}

void RefusedPassword::accept(const Credential& credential, const std::string& target) {
  known_.lock()->reset();
  *accepted_.lock() = Accepted{credential, target};
}

std::optional<std::string> RefusedPassword::accepted_for(const Credential& credential) const {
  const auto accepted = accepted_.lock();
  if (!*accepted || (*accepted)->credential != credential) return std::nullopt;
  return (*accepted)->target;
}

void RefusedPassword::refuse(const Credential& credential, const Error& error) {
  *known_.lock() = Known{credential, Refusal(error, pause_), Clock::now()};
}

bool RefusedPassword::refuse_again(const Credential& credential, Clock::time_point sent_at) {
  const auto known = known_.lock();
  if (!*known || (*known)->credential != credential) return false;
  if (sent_at <= (*known)->at) return true;  // together with the one that told
  (*known)->refusal.repeat();
  (*known)->at = Clock::now();
  return true;
}

void RefusedPassword::give_back(const Credential& credential) {
  const auto known = known_.lock();
  if (*known && (*known)->credential == credential) (*known)->refusal.lift();
}

}  // namespace digestfs::registry
