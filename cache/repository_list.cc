// SPDX-License-Identifier: Apache-2.0
#include "cache/repository_list.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

namespace digestfs::cache {
namespace {

// Where the list is cut: pages, names, and pages in a row that bring nothing new (EP-11).
constexpr std::size_t kMaxNamePages = 10'000;
constexpr std::size_t kMaxNames = 200'000;
constexpr int kMaxIdleNamePages = 10;
// How long an earlier list is used before a place that did not answer is asked again.
constexpr std::chrono::seconds kSilence{2};

}  // namespace

bool RepositoryNames::has_below(const std::string& path) const {
  const std::string below = path + "/";
  const auto at = names->lower_bound(below);
  return at != names->end() && at->starts_with(below);
}

RepositoryList::RepositoryList(registry::Repositories& place, Workers& workers, Problems& problems,
                               Network network, Clock::duration time_to_live)
    : place_(place),
      problems_(problems),
      network_(network),
      time_to_live_(time_to_live),
      flights_(workers) {}

void RepositoryList::take_page(const registry::RepositoryPage& page, State& state,
                               std::set<std::string>& names) {
  for (const std::string& name : page.names) {
    if (registry::is_repository_name(name)) names.insert(name);
  }
  for (const registry::LeftOut& left_out : page.left_out) {
    problems_.report({.kind = ProblemKind::bad_name,
                      .object = left_out.name,
                      .detail = str_cat("left out of the repositories: ", left_out.reason)});
  }
  state.next = page.next;
  state.is_read = !page.next;
  state.now.is_complete = state.is_read;
  if (page.cut.empty()) return;
  if (names.empty()) {
    // A place that keeps no list is nothing that anybody has to be told of.
    state.now.is_complete = false;
  } else {
    cut(state, page.cut);
  }
}

void RepositoryList::cut(State& state, const std::string& why) {
  problems_.report({.kind = ProblemKind::limit,
                    .object = place_.name(),
                    .detail = str_cat("the list of repositories was cut: ", why)});
  state.next.reset();
  state.is_read = true;
  state.now.is_complete = false;
}

void RepositoryList::start(const std::stop_token& stop) {
  if (network_ == Network::offline) return;
  State state = *state_.lock();
  std::set<std::string> names;
  take_page(place_.list(std::nullopt, {.stop = stop}), state, names);
  keep(std::move(state), std::move(names));
}

void RepositoryList::keep(State state, std::set<std::string> names) {
  const auto now = Clock::now();
  state.now.names = std::make_shared<const std::set<std::string>>(std::move(names));
  state.asked_at = now;
  state.believed_until = now + time_to_live_;
  const auto kept = state_.lock();
  // What was asked for before somebody said to ask again is no longer believed.
  if (state.round != kept->round) state.believed_until = now;
  state.round = kept->round;
  state.version = kept->version + 2;
  *kept = std::move(state);
}

void RepositoryList::fetch(const std::stop_token& stop) {
  State state = *state_.lock();
  std::set<std::string> names;
  if (state.next && Clock::now() < state.believed_until) {
    names = *state.now.names;  // Goes on from the first page, which mounting asked for.
  } else {
    take_page(place_.list(std::nullopt, {.stop = stop}), state, names);
  }
  std::set<std::string> visited;
  int idle = 0;
  while (state.next) {
    if (!visited.insert(*state.next).second || idle == kMaxIdleNamePages ||
        visited.size() > kMaxNamePages || names.size() > kMaxNames) {
      cut(state,
          str_cat("it does not end after ", visited.size(), " pages and ", names.size(), " names"));
      break;
    }
    const std::size_t before = names.size();
    take_page(place_.list(state.next, {.stop = stop}), state, names);
    idle = names.size() > before ? 0 : idle + 1;
  }
  keep(std::move(state), std::move(names));
}

RepositoryNames RepositoryList::list(const Patience& patience) {
  const auto answer = [&]() -> std::optional<RepositoryNames> {
    const auto state = state_.lock();
    const bool is_fresh = Clock::now() < state->believed_until || state->asked_at >= patience.since;
    const bool is_answer = (state->is_read && is_fresh) || network_ == Network::offline;
    return is_answer ? std::optional(state->now) : std::nullopt;
  };
  if (auto names = answer()) return *std::move(names);
  try {
    await(flights_.join("list the repositories of " + place_.name(), Lane::question,
                        [this](const std::stop_token& stop) { fetch(stop); }),
          patience);
  } catch (const Error& error) {
    const auto state = state_.lock();
    if (!is_silence(error.code()) || state->now.names->empty()) throw;
    DIGESTFS_LOG(debug, "using an earlier list of repositories: ", error.what());
    state->now.is_complete = false;
    state->next.reset();
    state->is_read = true;
    state->believed_until = Clock::now() + std::min<Clock::duration>(time_to_live_, kSilence);
    ++state->version;
    return state->now;
  }
  return list(patience);
}

std::optional<RepositoryNames> RepositoryList::known() const {
  const auto state = state_.lock();
  const bool is_believed = state->is_read && Clock::now() < state->believed_until;
  if (!is_believed && network_ != Network::offline) return std::nullopt;
  return state->now;
}

void RepositoryList::ask_again() {
  const auto state = state_.lock();
  ++state->round;
  ++state->version;
  state->believed_until = {};
  state->asked_at = {};
}

std::int64_t RepositoryList::version() const {
  const auto state = state_.lock();
  // Once it is no longer believed it has to look changed, or the kernel goes on showing its copy.
  return state->version + (Clock::now() < state->believed_until ? 0 : 1);
}

}  // namespace digestfs::cache
