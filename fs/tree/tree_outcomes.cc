// SPDX-License-Identifier: Apache-2.0
#include "fs/tree/tree_outcomes.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/log.h"
#include "fs/tree/file_nodes.h"

namespace digestfs::fs {

TreeOutcomes::TreePointer TreeOutcomes::find(const std::string& key) {
  const auto table = table_.lock();
  const auto at = table->outcomes.find(key);
  if (at == table->outcomes.end()) return nullptr;
  if (at->second.failure) std::rethrow_exception(at->second.failure);
  at->second.idle = 0;
  return at->second.tree;
}

void TreeOutcomes::add(const std::string& key, Outcome outcome) {
  const auto table = table_.lock();
  table->outcomes.try_emplace(key, Kept{std::move(outcome.tree), std::move(outcome.failure),
                                        outcome.is_kept, ++table->last_number});
}

void TreeOutcomes::drop_if_kept(const std::string& key) {
  TreePointer dropped;  // outlives the lock: to free a large tree takes a while
  const auto table = table_.lock();
  const auto at = table->outcomes.find(key);
  if (at == table->outcomes.end()) return;
  if (!at->second.is_spare() || !at->second.is_kept) return;
  dropped = std::move(at->second.tree);
  table->outcomes.erase(at);
}

void TreeOutcomes::drop_spare() {
  std::vector<TreePointer> dropped;  // outlives the lock, as above
  const auto table = table_.lock();
  std::vector<std::pair<std::uint64_t, std::string>> spare;
  std::size_t bytes = 0;
  for (const auto& [key, outcome] : table->outcomes) {
    if (!outcome.is_spare()) continue;
    bytes += outcome.tree->bytes();
    spare.emplace_back(outcome.number, key);
  }
  std::ranges::sort(spare);
  for (const auto& [number, key] : spare) {
    if (bytes <= most_spare_) return;
    const auto at = table->outcomes.find(key);
    bytes -= at->second.tree->bytes();
    dropped.push_back(std::move(at->second.tree));
    table->outcomes.erase(at);
  }
}

void TreeOutcomes::tidy() noexcept try {
  std::vector<TreePointer> dropped;  // outlives the lock, as above
  const auto table = table_.lock();
  for (auto at = table->outcomes.begin(); at != table->outcomes.end();) {
    Kept& outcome = at->second;
    outcome.idle = outcome.is_spare() ? outcome.idle + 1 : 0;
    if (outcome.idle < FileNodes::kIdleTidyings) {
      ++at;
      continue;
    }
    dropped.push_back(std::move(outcome.tree));
    at = table->outcomes.erase(at);
  }
} catch (const std::exception& error) {
  DIGESTFS_LOG(info, "trees that nobody uses stay in memory cause=", error.what());
}

}  // namespace digestfs::fs
