// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "archive/tar_reader.h"
#include "fs/tree/file_tree.h"
#include "fs/tree/file_tree_builder.h"
#include "fs/tree/findings.h"

namespace digestfs::fs {

/// Makes the tree of one layer from the entries of its tar. Whiteouts are shown as the files that
/// they are. Paths stay inside the root (PATH-1 to PATH-5). Of several entries of one name the last
/// wins. Hard links lead to what they name (HL-1 to HL-3). An entry that cannot be shown is left
/// out, and a finding says so.
class LayerBuilder final : public archive::TarSink {
 public:
  explicit LayerBuilder(const FileTreeBuilder::Limits& limits = {}) : tree_(limits) {}

  /// Throws `Errc::too_large` where a limit is passed.
  void take(archive::TarEntry entry) override;

  /// Returns the tree, when the archive has ended without an error. The builder is used up.
  [[nodiscard]] FileTree finish();
  [[nodiscard]] const Findings& findings() const noexcept { return findings_; }

 private:
  using Index = FileTree::Index;

  /// A hard link whose target has not come yet.
  struct Link {
    Index directory;
    std::string name;
    std::string path;  ///< as the entry has it
    std::string target;
  };

  /// What such a name leads to in the end, and the paths on the way.
  struct Settled {
    Index file;
    std::vector<std::string> targets;
  };

  [[nodiscard]] bool is_showable(const archive::TarEntry& entry);
  [[nodiscard]] static FileRecord record_of(const archive::TarEntry& entry);
  [[nodiscard]] FileExtras extras_of(archive::TarEntry& entry);
  void apply(Index directory, const FileRecord& record, FileExtras extras);
  void take_root(archive::TarEntry& entry);
  void take_at(Index directory, std::string_view name, archive::TarEntry& entry);
  void put(Index directory, std::string_view name, Index file, std::string_view path);
  void take_link(Index directory, std::string_view name, archive::TarEntry& entry);
  [[nodiscard]] Index settle(Index placeholder);
  void settle_links();

  FileTreeBuilder tree_;
  Findings findings_;
  // Hard links to what had not come yet, by the files that stand in their place, and what each
  // turned out to lead to.
  std::unordered_map<Index, Link> links_;
  std::unordered_map<Index, Settled> settled_;
  std::vector<Index> in_order_;
};

}  // namespace digestfs::fs
