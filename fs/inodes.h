// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/guarded.h"
#include "base/text.h"
#include "fs/node.h"

namespace digestfs::fs {

/// What holds memory that can be had again.
class Tidied {
 public:
  Tidied() = default;
  Tidied(const Tidied&) = delete;
  Tidied& operator=(const Tidied&) = delete;
  virtual ~Tidied() = default;

  /// Gives memory back that nobody has used for long. It is called from time to time, by one
  /// thread.
  virtual void tidy() noexcept = 0;
};

/// Nodes whose numbers follow one another, such as the files of a tree. The block owns them.
class NodeBlock {
 public:
  /// How many numbers each block gets: more than any block has nodes.
  static constexpr std::uint64_t kRoom = std::uint64_t{1} << 32U;

  NodeBlock() = default;
  NodeBlock(const NodeBlock&) = delete;
  NodeBlock& operator=(const NodeBlock&) = delete;
  virtual ~NodeBlock() = default;

  /// Returns the node whose number is the block's first number plus `offset`, or null.
  [[nodiscard]] virtual const Node* find(std::uint64_t offset) const = 0;

  /// Gives memory back that nobody has used since it was called last, or for longer. It is called
  /// from time to time, by one thread.
  virtual void tidy() const noexcept {}
};

/// All nodes of a mount. They can be found by number, and by the key that says what a node shows. A
/// node is made once and kept as long as the mount, because a number that the kernel still holds
/// must never come to mean something else. Safe for concurrent use.
class Inodes {
 public:
  Inodes() = default;
  Inodes(const Inodes&) = delete;
  Inodes& operator=(const Inodes&) = delete;
  ~Inodes() {
    for (auto& chunk : chunks_) delete chunk.load(std::memory_order_relaxed);
  }

  /// Calls `make(first)` for a block of nodes whose numbers begin at `first`, and keeps that block.
  /// Throws `Errc::too_large` once there are a million blocks.
  template <std::derived_from<NodeBlock> T, class Make>
  const T* add_block(const Make& make) {
    const std::uint64_t number = next_block_.fetch_add(1);
    if (number >= kChunks * kChunk) {
      throw Error(Errc::too_large, "cannot show more trees of files in one mount");
    }
    std::unique_ptr<const T> block = make(InodeNumber{(number + 1) * NodeBlock::kRoom});
    const T* made = block.get();
    auto& slot = chunks_[number / kChunk];
    Chunk* chunk = slot.load(std::memory_order_acquire);
    if (chunk == nullptr) {
      auto fresh = std::make_unique<Chunk>();
      // If another thread was faster, its chunk is the one.
      if (slot.compare_exchange_strong(chunk, fresh.get(), std::memory_order_acq_rel)) {
        chunk = fresh.release();
      }
    }
    (*chunk)[number % kChunk].store(made, std::memory_order_release);
    blocks_.lock()->push_back(std::move(block));
    return made;
  }

  /// Returns the node for `key`, which says what the node shows: a digest, or a path together with
  /// the digest that the path stood for. If there is none yet, `T(inode, arguments…)` makes it;
  /// that constructor must not call this class.
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

  /// Has `tidy` also tidy `other`, as long as somebody else holds it.
  void tidy_also(std::weak_ptr<Tidied> other) { others_.lock()->push_back(std::move(other)); }

  /// Has each block, and what was given to `tidy_also`, give back what memory nobody uses. To be
  /// called from time to time, by one thread. Leaves the rest for the next time on `stop`.
  void tidy(const std::stop_token& stop = {}) const noexcept {
    for (std::size_t i = 0; !stop.stop_requested(); ++i) {
      const auto other = other_at(i);
      if (!other) break;
      if (const auto held = other->lock()) held->tidy();
    }
    const std::uint64_t end = next_block_.load();
    for (std::uint64_t number = 0; number < end && !stop.stop_requested(); ++number) {
      if (const NodeBlock* nodes = block(number)) nodes->tidy();
    }
  }

  /// Returns the node with this number, or null if the number was never given out.
  [[nodiscard]] const Node* find(InodeNumber number) const {
    if (number >= NodeBlock::kRoom) return find_in_block(number);
    const auto table = table_.lock();
    if (number < kFirst || number - kFirst >= table->nodes.size()) return nullptr;
    return table->nodes[number - kFirst].get();
  }

 private:
  // FUSE's root is inode 1, and the first node that is made.
  static constexpr InodeNumber kFirst = 1;
  static constexpr std::size_t kChunk = 1024;
  static constexpr std::size_t kChunks = 1024;
  using Chunk = std::array<std::atomic<const NodeBlock*>, kChunk>;

  struct Table {
    std::vector<std::unique_ptr<Node>> nodes;
    std::unordered_map<std::string, InodeNumber> numbers;
  };

  /// Takes no lock, since many processes walk trees at once.
  [[nodiscard]] const NodeBlock* block(std::uint64_t number) const noexcept {
    if (number >= kChunks * kChunk) return nullptr;
    const Chunk* chunk = chunks_[number / kChunk].load(std::memory_order_acquire);
    if (chunk == nullptr) return nullptr;
    return (*chunk)[number % kChunk].load(std::memory_order_acquire);
  }
  [[nodiscard]] const Node* find_in_block(InodeNumber number) const {
    const NodeBlock* nodes = block(number / NodeBlock::kRoom - 1);
    return nodes == nullptr ? nullptr : nodes->find(number % NodeBlock::kRoom);
  }

  [[nodiscard]] std::optional<std::weak_ptr<Tidied>> other_at(std::size_t index) const {
    const auto others = others_.lock();
    if (index >= others->size()) return std::nullopt;
    return (*others)[index];
  }

  // Guarded by the locks they live in.
  Guarded<Table> table_;
  Guarded<std::vector<std::unique_ptr<const NodeBlock>>> blocks_;
  Guarded<std::vector<std::weak_ptr<Tidied>>> others_;
  // Synchronise themselves; only ever filled.
  std::array<std::atomic<Chunk*>, kChunks> chunks_{};
  std::atomic<std::uint64_t> next_block_{0};
};

}  // namespace digestfs::fs
