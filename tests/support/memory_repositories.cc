// SPDX-License-Identifier: Apache-2.0
#include "tests/support/memory_repositories.h"

#include <algorithm>

namespace digestfs::test {

MemorySource& MemoryRepositories::at(const std::string& name) {
  const auto state = state_.lock();
  auto& repository = state->repositories[name];
  if (!repository) repository = std::make_shared<MemorySource>(name_ + name);
  return *repository;
}

void MemoryRepositories::remove(const std::string& name) {
  state_.lock()->repositories.erase(name);
}

MemorySource& MemoryRepositories::make_everything() {
  const auto state = state_.lock();
  state->everything = std::make_shared<MemorySource>(name_);
  return *state->everything;
}

void MemoryRepositories::hide(const std::string& name) { state_.lock()->hidden.insert(name); }

void MemoryRepositories::keep_no_list() { state_.lock()->has_list = false; }

void MemoryRepositories::set_page_size(std::size_t names) { state_.lock()->page_size = names; }

void MemoryRepositories::list_also(const std::string& name) {
  state_.lock()->listed_also.insert(name);
}

void MemoryRepositories::list_in_a_circle() { state_.lock()->is_circle = true; }

void MemoryRepositories::fail_lists(Errc code) { state_.lock()->list_failure = code; }

void MemoryRepositories::fail_open(const std::string& name, Errc code) {
  state_.lock()->open_failures[name] = code;
}

void MemoryRepositories::stall_open(const std::string& name) {
  state_.lock()->stalled.insert(name);
}

void MemoryRepositories::release() {
  state_.lock()->stalled.clear();
  changed_.notify_all();
}

void MemoryRepositories::behave() {
  {
    const auto state = state_.lock();
    state->list_failure.reset();
    state->open_failures.clear();
  }
  release();
}

std::size_t MemoryRepositories::lists() const { return state_.lock()->lists; }

std::size_t MemoryRepositories::opens() const {
  const auto state = state_.lock();
  std::size_t all = 0;
  for (const auto& [name, count] : state->opens) all += count;
  return all;
}

std::size_t MemoryRepositories::opens(const std::string& name) const {
  const auto state = state_.lock();
  const auto at = state->opens.find(name);
  return at == state->opens.end() ? 0 : at->second;
}

registry::RepositoryPage MemoryRepositories::list(const std::optional<std::string>& page,
                                                  const Request& /*request*/) {
  const auto state = state_.lock();
  ++state->lists;
  if (state->list_failure) throw Error(*state->list_failure, "cannot list: told so");
  registry::RepositoryPage answer;
  if (!state->has_list) {
    answer.cut = "there is no list";
    return answer;
  }
  std::set<std::string> names = state->listed_also;
  for (const auto& [name, source] : state->repositories) {
    if (!state->hidden.contains(name)) names.insert(name);
  }
  auto at = page ? names.lower_bound(*page) : names.begin();
  for (; at != names.end() && answer.names.size() < state->page_size; ++at) {
    answer.names.push_back(*at);
  }
  if (at != names.end()) {
    answer.next = *at;
  } else if (state->is_circle && !names.empty()) {
    answer.next = *names.begin();
  }
  return answer;
}

std::shared_ptr<registry::Source> MemoryRepositories::open(const std::string& name,
                                                           const Request& request) {
  auto state = state_.lock();
  ++state->opens[name];
  changed_.wait(state.native(), request.stop, [&] { return !state->stalled.contains(name); });
  if (request.stop.stop_requested()) throw Error(Errc::interrupted, "cannot open: stopped");
  const auto failure = state->open_failures.find(name);
  if (failure != state->open_failures.end()) throw Error(failure->second, "cannot open: told so");
  const auto at = state->repositories.find(name);
  return at == state->repositories.end() ? nullptr : at->second;
}

std::shared_ptr<registry::Source> MemoryRepositories::everything() {
  return state_.lock()->everything;
}

}  // namespace digestfs::test
