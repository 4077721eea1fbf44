// SPDX-License-Identifier: Apache-2.0
#include "registry/host/pace.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "registry/http/failure.h"

namespace digestfs::registry {
namespace {

// Of a host that has never answered the name may be wrong. The user should learn that soon (RTY-2).
constexpr int kFirstAttempts = 2;
// Each attempt takes as long as a transfer may stand still.
constexpr int kAttemptsOfAStall = 2;
constexpr std::size_t kMaxPauses = 64;

bool can_be_retried(Errc code) noexcept {
  return code == Errc::unavailable || code == Errc::timed_out || code == Errc::rate_limited;
}

std::string limit(Clock::duration left) {
  return str_cat("it limits the rate and is not to be asked for another ",
                 std::chrono::ceil<std::chrono::seconds>(left).count(), " s");
}

}  // namespace

Pace::Pace(std::string host, RetryPolicy policy) : host_(std::move(host)), policy_(policy) {}

Clock::duration Pace::patience(Urgency urgency) const noexcept {
  return urgency == Urgency::question ? policy_.question : policy_.patience;
}

void Pace::wait_turn(const Request& request, const Who& who) const {
  auto deadline = Clock::now() + patience(request.urgency);
  if (request.deadline) deadline = std::min(deadline, *request.deadline);
  for (;;) {
    const auto until = closed_until(who);
    const auto now = Clock::now();
    if (until <= now) return;
    if (until > deadline) {
      throw Error(Errc::rate_limited, str_cat(host_, ": ", limit(until - now)));
    }
    sleep_until(until, request.stop);
  }
}

void Pace::wait_to_retry(const Error& error, Attempts& attempts, const Request& request,
                         const Who& who) const {
  int most = policy_.attempts;
  if (!has_greeted_) most = std::min(most, kFirstAttempts);
  if (error.code() == Errc::timed_out) most = std::min(most, kAttemptsOfAStall);
  if (!can_be_retried(error.code()) || ++attempts.failures >= most) throw error;
  auto until = Clock::now() + back_off(policy_, attempts.failures, jitter());
  until = std::max(until, closed_until(who));
  // Only a request that was held up by these pauses waits for their end.
  if (error.code() == Errc::rate_limited) {
    until = std::max(until, token_limit_.latest());
    if (request.urgency == Urgency::content) until = std::max(until, all_elsewhere_until());
  }
  // Content that takes long moves meanwhile, so only the wait counts.
  const auto since = request.urgency == Urgency::question ? attempts.since : Clock::now();
  if (until - since > patience(request.urgency)) throw error;
  if (request.deadline && until > *request.deadline) throw error;
  DIGESTFS_LOG(debug, "trying again host=", host_, " failures=", attempts.failures,
               " cause=", error.what());
  sleep_until(until, request.stop);
}

/// Until when the host is not to be asked. The user who is logged in by now need not be the one who
/// was asked to wait (CRED-8).
Clock::time_point Pace::closed_until(const Who& who) const {
  const auto latest = limit_.latest();
  if (latest <= Clock::now()) return latest;
  try {
    return limit_.until(who());
  } catch (const Error& error) {
    if (error.code() == Errc::interrupted) throw;
    return latest;
  }
}

Clock::time_point Pace::all_elsewhere_until() const {
  Clock::time_point until{};
  for (const auto& [origin, end] : *elsewhere_.lock()) until = std::max(until, end);
  return until;
}

void Pace::heed(const Url& url, const HttpHead& head, const std::string& body,
                const std::optional<Credential>* account) {
  const auto wait = wait_asked_for(url, head, body);
  if (!wait) return;
  if (account != nullptr) {
    limit_.close_to(*account, *wait);
  } else {
    limit_.close(*wait);
  }
}

void Pace::heed_token_server(const Url& url, const HttpHead& head, const std::string& body) {
  if (const auto wait = wait_asked_for(url, head, body)) token_limit_.close(*wait);
}

void Pace::heed_elsewhere(const Url& url, const HttpHead& head, const std::string& body) {
  const auto wait = wait_asked_for(url, head, body);
  if (!wait) return;
  const auto now = Clock::now();
  const auto pauses = elsewhere_.lock();
  std::erase_if(*pauses, [now](const auto& pause) { return pause.second <= now; });
  if (pauses->size() >= kMaxPauses) return;
  auto& until = (*pauses)[url.origin()];
  until = std::max(until, now + *wait);
}

void Pace::check_token_server(const Url& realm) const {
  const auto left = token_limit_.latest() - Clock::now();
  if (left <= Clock::duration(0)) return;
  throw Error(Errc::rate_limited, str_cat("no token from ", realm.redacted(), ": ", limit(left)));
}

void Pace::check_elsewhere(const Url& url) const {
  Clock::duration left{0};
  {
    const auto pauses = elsewhere_.lock();
    const auto at = pauses->find(url.origin());
    if (at != pauses->end()) left = at->second - Clock::now();
  }
  if (left > Clock::duration(0)) {
    throw Error(Errc::rate_limited, str_cat(url.origin(), ": ", limit(left)));
  }
}

/// For how long the server that answered with `head` is not to be asked. Returns nothing if the
/// answer does not say so.
std::optional<std::chrono::milliseconds> Pace::wait_asked_for(const Url& url, const HttpHead& head,
                                                              const std::string& body) const {
  const auto after = head.field("Retry-After");
  const bool is_limit =
      head.status == 429 || (!is_success(head.status) && head.status != 0 && head.status != 401 &&
                             failure_of(head, body).code() == Errc::rate_limited);
  if (!is_limit && !(head.status == 503 && after)) return std::nullopt;
  const auto asked =
      after ? parse_retry_after(*after, std::chrono::system_clock::now()) : std::nullopt;
  const auto wait = asked ? std::chrono::milliseconds(*asked) : back_off(policy_, 1, 1);
  DIGESTFS_LOG(info, "asked to wait for=", url.origin(), " ms=", wait.count(),
               " remaining=", head.field("ratelimit-remaining").value_or("?"));
  return wait;
}

}  // namespace digestfs::registry
