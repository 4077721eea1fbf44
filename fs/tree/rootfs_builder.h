// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fs/tree/file_tree.h"
#include "fs/tree/file_tree_builder.h"
#include "fs/tree/findings.h"

namespace digestfs::fs {

/// What becomes of symbolic links with an absolute target.
enum class AbsoluteLinks {
  keep,
  transform,  ///< they are made relative, so that they lead into the tree wherever it is mounted
};

/// Merges layers into what a container sees (image-spec layer.md, "Applying Changesets"; WH-1 to
/// WH-9, HL-4). The whiteouts of a layer are applied before its files, whatever the order of its
/// entries, so that they never hide what the layer itself brings (WH-5).
class RootfsBuilder {
 public:
  explicit RootfsBuilder(const FileTreeBuilder::Limits& limits = {}) : tree_(limits) {}

  /// Puts the next layer on top; the base comes first. Throws `Errc::too_large` beyond the limits.
  void apply(const FileTree& layer);

  /// Returns the tree. The builder is used up.
  [[nodiscard]] FileTree finish(AbsoluteLinks links);
  [[nodiscard]] const Findings& findings() const noexcept { return findings_; }

 private:
  using Index = FileTree::Index;

  /// A directory of the layer, and the one of the tree that it is merged into.
  struct Pair {
    Index theirs;
    Index ours;
    std::size_t step;  ///< how the directory of the layer was reached
  };
  /// A directory that was entered, by its name and the step before.
  struct Step {
    std::string_view name;
    std::size_t before;
  };

  /// An entry of a directory of the layer.
  struct LayerEntry {
    Pair at;
    std::string_view name;
    Index theirs;
  };

  [[nodiscard]] Pair begin();
  [[nodiscard]] Pair enter(const Pair& from, std::string_view name, Index theirs, Index ours);
  [[nodiscard]] std::string path_of(const Pair& at, std::string_view name) const;

  void find_lower_links(const FileTree& layer);
  [[nodiscard]] std::optional<Index> find_target(const std::string& target);
  void keep_pseudo_links(const FileTree& layer);
  void hide(const FileTree& layer);
  void hide_in(const FileTree& layer, const Pair& at);
  void merge(const FileTree& layer);
  void merge_entries(const FileTree& layer, const Pair& at, std::vector<Pair>& open);
  void merge_directory(const FileTree& layer, const LayerEntry& entry, std::vector<Pair>& open);
  void merge_through(const LayerEntry& entry, std::vector<Pair>& open);
  void drop_empty(const FileTree& layer);
  void replace_attributes(const FileTree& layer, Index ours, Index theirs);
  [[nodiscard]] Index copy(const FileTree& layer, Index theirs);
  void mend_links(const FileTree& layer);
  void transform_links();

  static constexpr Index kNone = UINT32_MAX;

  FileTreeBuilder tree_;
  Findings findings_;
  std::uint32_t layers_ = 0;
  // The files in aufs's folder of the layers so far by their path: no name of the tree, but what
  // hard links may lead to (HL-3).
  std::map<std::string, Index, std::less<>> pseudo_links_;
  // Of the layer that is being applied: what its files have become.
  std::vector<Index> copies_;
  // Its names that lead to a file of a lower layer, by directory and name, although the layer has a
  // later file of that path.
  std::map<std::pair<Index, std::string_view>, Index> lower_links_;
  // Its hard links to what it does not have by that name itself.
  std::vector<LayerEntry> outward_;
  // Its implied directories where the tree has something else, and those that were made.
  std::deque<LayerEntry> through_;
  std::vector<LayerEntry> implied_;
  // Of the walk through it that is under way.
  std::vector<Step> steps_;
};

}  // namespace digestfs::fs
