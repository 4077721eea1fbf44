// SPDX-License-Identifier: Apache-2.0
#include "cache/referrers.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace digestfs::cache {

std::optional<std::vector<registry::Descriptor>> Referrers::list(const Digest& subject,
                                                                 const Patience& patience) {
  const auto believed = [&]() -> std::optional<Answer> {
    const auto memory = memory_.lock();
    const auto at = memory->answers.find(subject);
    if (at == memory->answers.end()) return std::nullopt;
    const Answer& answer = at->second;
    const bool fresh = Clock::now() < answer.believed_until || answer.asked_at >= patience.since;
    return fresh ? std::optional(answer) : std::nullopt;
  };
  if (auto answer = believed()) return std::move(answer->referrers);
  if (network_ == Network::offline) {
    throw Error(Errc::timed_out, str_cat("cannot list what refers to ", subject, " in ",
                                         source_.name(), ": --offline was given"));
  }
  const auto ask = [this, subject](const std::stop_token& stop) {
    const std::uint64_t round = memory_.lock()->round;
    auto referrers = source_.list_referrers(subject, {.stop = stop});
    const auto now = Clock::now();
    const auto memory = memory_.lock();
    const auto until = memory->round == round ? now + time_to_live_ : Clock::time_point{};
    if (!memory->answers.contains(subject)) make_room(*memory);
    memory->last_version += 2;
    memory->answers[subject] = {std::move(referrers), now, until, memory->last_version};
  };
  await(flights_.join("referrers " + subject.str(), Lane::question, ask), patience);
  return list(subject, patience);
}

void Referrers::check_access(const Digest& subject, const Patience& patience) {
  const auto is_known = [&] {
    const auto accessible = accessible_.lock();
    const auto at = accessible->find(subject);
    if (at == accessible->end()) return false;
    return Clock::now() < at->second + kBriefMemory || at->second >= patience.since;
  };
  if (network_ == Network::offline || is_known()) return;
  const auto ask = [this, subject](const std::stop_token& stop) {
    static_cast<void>(source_.find(registry::Endpoint::manifests, subject, {.stop = stop}));
    const auto now = Clock::now();
    const auto accessible = accessible_.lock();
    if (accessible->size() >= kMaxAnswers) {
      std::erase_if(*accessible,
                    [now](const auto& kept) { return kept.second + kBriefMemory <= now; });
      // Whoever needs one of them asks once more.
      if (accessible->size() >= kMaxAnswers) accessible->clear();
    }
    (*accessible)[subject] = now;
  };
  await(flights_.join("access " + subject.str(), Lane::question, ask), patience);
  check_access(subject, patience);
}

void Referrers::make_room(Memory& memory) {
  if (memory.answers.size() < kMaxAnswers) return;
  memory.answers.erase(std::min_element(
      memory.answers.begin(), memory.answers.end(),
      [](const auto& a, const auto& b) { return a.second.asked_at < b.second.asked_at; }));
}

void Referrers::ask_again() {
  const auto memory = memory_.lock();
  ++memory->round;
  for (auto& [subject, answer] : memory->answers) answer.believed_until = {};
}

std::int64_t Referrers::version(const Digest& subject) const {
  const auto memory = memory_.lock();
  const auto at = memory->answers.find(subject);
  if (at == memory->answers.end()) return 0;
  return at->second.version + (Clock::now() < at->second.believed_until ? 0 : 1);
}

}  // namespace digestfs::cache
