// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/guarded.h"
#include "base/text.h"
#include "fs/node.h"

namespace digestfs::fs {

/// Every node of the mount, by number and by what it is. A node is made once and kept: what the
/// kernel still holds must never come to mean something else. Safe for concurrent use.
class Inodes {
 public:
  /// The node for `key`, which says what the node shows: a digest, or a path together with the
  /// digest that the path stood for. Made by `T(inode, arguments…)` if it is new; that constructor
  /// must not come back here.
  template <std::derived_from<Node> T, class... Arguments>
  const T* intern(const std::string& key, Arguments&&... arguments) {
    const auto table = table_.lock();
    const auto at = table->numbers.find(key);
    if (at != table->numbers.end()) {
      return static_cast<const T*>(table->nodes[at->second - kFirst].get());
    }
    const InodeNumber number = kFirst + table->nodes.size();
    auto node = std::make_unique<T>(number, std::forward<Arguments>(arguments)...);
    const T* made = node.get();
    table->nodes.push_back(std::move(node));
    table->numbers.emplace(key, number);
    return made;
  }

  /// The symlink at `path` to `target`.
  const Symlink* symlink(std::string_view path, const std::string& target) {
    return intern<Symlink>(str_cat(path, " -> ", target), target);
  }

  /// Nothing for a number that was never given out.
  [[nodiscard]] const Node* find(InodeNumber number) const {
    const auto table = table_.lock();
    if (number < kFirst || number - kFirst >= table->nodes.size()) return nullptr;
    return table->nodes[number - kFirst].get();
  }

 private:
  // FUSE's root is inode 1, and the first node that is made.
  static constexpr InodeNumber kFirst = 1;

  struct Table {
    std::vector<std::unique_ptr<Node>> nodes;
    std::unordered_map<std::string, InodeNumber> numbers;
  };

  Guarded<Table> table_;
};

}  // namespace digestfs::fs
