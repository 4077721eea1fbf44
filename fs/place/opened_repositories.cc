// SPDX-License-Identifier: Apache-2.0
#include "fs/place/opened_repositories.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace digestfs::fs {
namespace {

// From how many absent names on those are swept that are no longer believed to be absent.
constexpr std::size_t kManyAbsent = 10'000;

}  // namespace

OpenedRepositories::OpenedRepositories(const MountParts& mount, registry::Repositories& place,
                                       std::string path, Selection selection)
    : mount_(mount),
      place_(place),
      path_(std::move(path)),
      selection_(std::move(selection)),
      flights_(mount.workers) {
  if (auto everything = place_.everything()) add("", std::move(everything));
}

const Repository* OpenedRepositories::known(const std::string& name) const {
  const auto table = table_.lock();
  const auto at = table->repositories.find(name);
  return at == table->repositories.end() ? nullptr : at->second.get();
}

const Repository* OpenedRepositories::open(const std::string& name, const Patience& patience) {
  const Repository* repository = known(name);
  if (repository != nullptr || name.empty()) return repository;
  {
    const auto table = table_.lock();
    const auto at = table->absent.find(name);
    if (at != table->absent.end() &&
        (Clock::now() < at->second.believed_until || at->second.asked_at >= patience.since)) {
      return nullptr;
    }
  }
  await(flights_.join(str_cat("open ", name), Lane::question,
                      [this, name](const std::stop_token& stop) { ask(name, stop); }),
        patience);
  return open(name, patience);
}

void OpenedRepositories::ask(const std::string& name, const std::stop_token& stop) {
  // Another flight may have been faster.
  if (known(name) != nullptr) return;
  auto source = place_.open(name, {.stop = stop});
  if (source) {
    add(name, std::move(source));
  } else {
    note_absence(name);
  }
}

void OpenedRepositories::add(const std::string& name, std::shared_ptr<registry::Source> source) {
  // The path of `a/b` in a place at `quay.io` is `quay.io/a/b/_`.
  std::string path = path_;
  for (const std::string_view part : {std::string_view(name), std::string_view("_")}) {
    if (part.empty()) continue;
    if (!path.empty()) path += '/';
    path += part;
  }
  auto made = std::make_unique<Repository>(mount_, std::move(source), path, selection_);
  const bool is_offline = mount_.network == cache::Network::offline;
  if (is_offline && !name.empty() && !made->is_anything_known()) {
    throw Error(Errc::timed_out, str_cat("cannot open the repository ", name, " of ", place_.name(),
                                         ": nothing of it is cached, and --offline was given"));
  }
  const auto table = table_.lock();
  const auto [at, is_new] = table->repositories.emplace(name, std::move(made));
  if (is_new) table->in_order.push_back(at->second.get());
}

void OpenedRepositories::note_absence(const std::string& name) {
  const auto now = Clock::now();
  const auto table = table_.lock();
  if (table->absent.size() >= std::max(kManyAbsent, table->sweep_at)) {
    std::erase_if(table->absent,
                  [now](const auto& kept) { return kept.second.believed_until <= now; });
    table->sweep_at = 2 * table->absent.size();
  }
  table->absent[name] = {now, now + selection_.tag_ttl};
}

bool OpenedRepositories::has_below(const std::string& path) const {
  const std::string below = path + "/";
  const auto table = table_.lock();
  const auto at = table->repositories.lower_bound(below);
  return at != table->repositories.end() && at->first.starts_with(below);
}

std::set<std::string> OpenedRepositories::names() const {
  std::set<std::string> names;
  const auto table = table_.lock();
  for (const auto& [name, repository] : table->repositories) {
    if (!name.empty()) names.insert(name);
  }
  return names;
}

std::int64_t OpenedRepositories::version() const {
  return static_cast<std::int64_t>(table_.lock()->in_order.size());
}

void OpenedRepositories::ask_again() {
  table_.lock()->absent.clear();
  for (Repository* repository : in_order()) repository->ask_again();
}

QuarantinedFiles OpenedRepositories::quarantined() const {
  QuarantinedFiles all;
  for (const Repository* repository : in_order()) {
    const QuarantinedFiles found = repository->quarantined();
    all.entries.insert(all.entries.end(), found.entries.begin(), found.entries.end());
    all.version += found.version;
  }
  return all;
}

}  // namespace digestfs::fs
