// SPDX-License-Identifier: Apache-2.0
#include "fs/tree/rootfs_builder.h"

#include <utility>

#include <linux/limits.h>

#include "base/text.h"
#include "fs/tree/whiteout.h"

namespace digestfs::fs {
namespace {

// What aufs kept for itself (WH-4).
constexpr std::string_view kAufs = ".wh..wh.";
// Where it put files that had several names over layers (HL-3).
constexpr std::string_view kPseudoLinks = ".wh..wh.plnk";

/// Where an absolute link leads, from a directory `depth` levels below the root.
std::string relative_target(std::string_view target, std::size_t depth) {
  // Above the root is the root.
  for (const std::string_view begin : {"/", "./", "../"}) {
    if (target.starts_with(begin)) return relative_target(target.substr(begin.size()), depth);
  }
  if (target == "." || target == "..") target = {};
  std::string relative;
  for (std::size_t i = 0; i < depth; ++i) relative += "../";
  relative += target;
  return relative.empty() ? "." : relative;
}

}  // namespace

void RootfsBuilder::apply(const FileTree& layer) {
  copies_.assign(layer.files().size(), kNone);
  find_lower_links(layer);
  hide(layer);
  merge(layer);
  keep_pseudo_links(layer);
  mend_links(layer);
  ++layers_;
}

/// Hard links over layers lead to what was there before this layer changed anything (HL-1).
void RootfsBuilder::find_lower_links(const FileTree& layer) {
  for (Index i = 0; i < layer.files().size(); ++i) {
    const FileRecord& file = layer.file(i);
    if (file.extras == 0) continue;
    const std::string& target = layer.extras(file).missing_target;
    if (target.empty()) continue;
    if (const auto found = find_target(target)) copies_[i] = *found;
  }
  lower_links_.clear();
  for (const EarlyLink& link : layer.early_links()) {
    for (const std::string& target : link.targets) {
      const auto found = find_target(target);
      if (!found) continue;
      lower_links_.emplace(std::pair(link.directory, std::string_view(link.name)), *found);
      break;
    }
  }
}

std::optional<FileTree::Index> RootfsBuilder::find_target(const std::string& target) {
  if (const auto found = tree_.find_path(target)) {
    if (tree_.is_directory(*found)) return std::nullopt;
    return found;
  }
  const auto kept = pseudo_links_.find(target);
  if (kept == pseudo_links_.end()) return std::nullopt;
  return kept->second;
}

void RootfsBuilder::keep_pseudo_links(const FileTree& layer) {
  const auto folder = layer.find(FileTree::kRoot, kPseudoLinks);
  if (!folder || layer.file(*folder).type != FileType::directory) return;
  for (const auto& entry : layer.entries(*folder)) {
    if (layer.file(entry.file).type == FileType::directory) continue;
    if (copies_[entry.file] == kNone) copies_[entry.file] = copy(layer, entry.file);
    pseudo_links_.insert_or_assign(str_cat(kPseudoLinks, "/", layer.text(entry)),
                                   copies_[entry.file]);
  }
}

/// Begins a walk through a layer at its root.
RootfsBuilder::Pair RootfsBuilder::begin() {
  steps_.assign(1, {});
  return {FileTree::kRoot, FileTree::kRoot, 0};
}

RootfsBuilder::Pair RootfsBuilder::enter(const Pair& from, std::string_view name, Index theirs,
                                         Index ours) {
  steps_.push_back({name, from.step});
  return {theirs, ours, steps_.size() - 1};
}

/// The path of an entry of a directory, for a finding: made only then, for there may be as many
/// directories as a hostile layer likes.
std::string RootfsBuilder::path_of(const Pair& at, std::string_view name) const {
  std::string path(name);
  for (std::size_t step = at.step; step != 0; step = steps_[step].before) {
    path.insert(0, str_cat(steps_[step].name, "/"));
    if (path.size() > PATH_MAX) break;
  }
  return path;
}

void RootfsBuilder::hide(const FileTree& layer) {
  std::vector<Pair> open{begin()};
  while (!open.empty()) {
    const Pair at = open.back();
    open.pop_back();
    hide_in(layer, at);
    for (const auto& entry : layer.entries(at.theirs)) {
      const std::string_view name = layer.text(entry);
      const FileRecord& file = layer.file(entry.file);
      if (file.type != FileType::directory || is_whiteout(name)) continue;
      const auto below = tree_.find(at.ours, name);
      if (!below) continue;
      if (tree_.is_directory(*below)) {
        open.push_back(enter(at, name, entry.file, *below));
      } else if (file.implicit) {
        // A parent that is a link in a lower layer is followed (WH-7).
        const auto walked = tree_.walk(at.ours, name, FileTreeBuilder::Missing::stop);
        if (walked.directory) {
          open.push_back(enter(at, name, entry.file, *walked.directory));
        }
      }
    }
  }
}

/// Hides what the markers in one directory name.
void RootfsBuilder::hide_in(const FileTree& layer, const Pair& at) {
  for (const auto& entry : layer.entries(at.theirs)) {
    const std::string_view marker = layer.text(entry);
    // A directory of such a name that only its content implies is no entry, so no marker (WH-1).
    if (!is_whiteout(marker) || layer.file(entry.file).implicit) continue;
    if (marker == kOpaque) {
      tree_.clear(at.ours);
      continue;
    }
    if (marker.starts_with(kAufs)) continue;
    const std::string_view name = marker.substr(kWhiteout.size());
    if (name.empty() || name == "." || name == "..") {
      findings_.add(path_of(at, marker), "a whiteout of no name; it has no effect (WH-2)");
      continue;
    }
    tree_.remove(at.ours, name);
  }
}

void RootfsBuilder::merge(const FileTree& layer) {
  if (!layer.file(FileTree::kRoot).implicit) {
    replace_attributes(layer, FileTree::kRoot, FileTree::kRoot);
  }
  outward_.clear();
  implied_.clear();
  std::vector<Pair> open{begin()};
  while (!open.empty() || !through_.empty()) {
    if (open.empty()) {
      // Only now: a link on the way may be one that this layer itself has changed (PATH-4).
      const LayerEntry entry = through_.front();
      through_.pop_front();
      merge_through(entry, open);
      continue;
    }
    const Pair at = open.back();
    open.pop_back();
    merge_entries(layer, at, open);
  }
  drop_empty(layer);
}

void RootfsBuilder::merge_entries(const FileTree& layer, const Pair& at, std::vector<Pair>& open) {
  for (const auto& entry : layer.entries(at.theirs)) {
    const std::string_view name = layer.text(entry);
    if (is_whiteout(name)) continue;
    const FileRecord& file = layer.file(entry.file);
    if (file.type == FileType::directory) {
      merge_directory(layer, {at, name, entry.file}, open);
      continue;
    }
    if (const auto lower = lower_links_.find({at.theirs, name}); lower != lower_links_.end()) {
      tree_.put(at.ours, name, lower->second);
      continue;
    }
    if (copies_[entry.file] == kNone) copies_[entry.file] = copy(layer, entry.file);
    if (!layer.extras(file).missing_target.empty()) outward_.push_back({at, name, entry.file});
    tree_.put(at.ours, name, copies_[entry.file]);
  }
}

void RootfsBuilder::merge_directory(const FileTree& layer, const LayerEntry& entry,
                                    std::vector<Pair>& open) {
  const auto& [at, name, theirs] = entry;
  const bool is_implicit = layer.file(theirs).implicit;
  const auto existing = tree_.find(at.ours, name);
  if (existing && tree_.is_directory(*existing)) {
    if (!is_implicit) replace_attributes(layer, *existing, theirs);
    open.push_back(enter(at, name, theirs, *existing));
    return;
  }
  if (existing && is_implicit) {
    through_.push_back(entry);
    return;
  }
  const Index made = copy(layer, theirs);
  tree_.put(at.ours, name, made);
  if (is_implicit) implied_.push_back(entry);
  open.push_back(enter(at, name, theirs, made));
}

/// Enters a directory that the layer only implies, where the tree has a link, or a file.
void RootfsBuilder::merge_through(const LayerEntry& entry, std::vector<Pair>& open) {
  const auto& [at, name, theirs] = entry;
  const auto walked = tree_.walk(at.ours, name, FileTreeBuilder::Missing::make);
  if (!walked.directory) {
    findings_.add(path_of(at, name), "left out, with all that is in it: too many symbolic links");
    return;
  }
  if (walked.replaced) {
    findings_.add(path_of(at, name), "a file of a lower layer had to give way to a directory");
  }
  open.push_back(enter(at, name, theirs, *walked.directory));
}

/// Directories that are implied by nothing but whiteouts come to nothing (WH-6), unless they are
/// opaque (WH-3).
void RootfsBuilder::drop_empty(const FileTree& layer) {
  // What is inside comes later in the list than what it is in.
  while (!implied_.empty()) {
    const LayerEntry entry = implied_.back();
    implied_.pop_back();
    const auto made = tree_.find(entry.at.ours, entry.name);
    if (made && tree_.is_directory(*made) && tree_.names(*made).empty() &&
        !layer.find(entry.theirs, kOpaque)) {
      tree_.remove(entry.at.ours, entry.name);
    }
  }
}

/// Hard links to what the layer itself has, but under a path that only the layers below make lead
/// there (PATH-4). That goes before what lower layers have at that path (HL-1).
void RootfsBuilder::mend_links(const FileTree& layer) {
  for (const auto& [at, name, theirs] : outward_) {
    if (tree_.find(at.ours, name) != copies_[theirs]) continue;  // replaced since
    const std::string& target = layer.extras(layer.file(theirs)).missing_target;
    const auto is_broken = [this](Index file) {
      return !tree_.extras(file).missing_target.empty();
    };
    const auto found = tree_.find_path(target);
    if (found && !tree_.is_directory(*found) && !is_broken(*found) &&
        (is_broken(copies_[theirs]) || tree_.file(*found).layer == layers_)) {
      tree_.put(at.ours, name, *found);
    } else if (is_broken(copies_[theirs])) {
      findings_.add(path_of(at, name), str_cat("a hard link to ", shown_name(target),
                                               ", which no layer up to this one has"));
    }
  }
}

/// The upper directory's attributes take the place of the lower one's, all of them (WH-8).
void RootfsBuilder::replace_attributes(const FileTree& layer, Index ours, Index theirs) {
  FileRecord record = layer.file(theirs);
  FileRecord& existing = tree_.file(ours);
  record.where = existing.where;
  record.extras = existing.extras;
  record.layer = layers_;
  existing = record;
  const FileExtras& extras = layer.extras(layer.file(theirs));
  if (record.extras != 0 || !extras.xattrs.empty()) tree_.set_extras(ours, extras);
}

FileTree::Index RootfsBuilder::copy(const FileTree& layer, Index theirs) {
  const FileRecord& original = layer.file(theirs);
  FileRecord record = original;
  record.layer = layers_;
  record.extras = 0;
  const Index ours = tree_.add(record);
  if (record.type == FileType::symlink) {
    tree_.set_link_target(ours, std::string(layer.link_target(original)));
  }
  if (original.extras != 0) tree_.set_extras(ours, layer.extras(original));
  return ours;
}

/// A link that has names at different depths becomes several.
void RootfsBuilder::transform_links() {
  struct Level {
    Index directory;
    std::size_t depth;
  };
  // How deep the links that were changed were, and what was made of each for other depths.
  std::map<std::pair<Index, std::size_t>, Index> transformed;
  std::vector<Level> open{{FileTree::kRoot, 0}};
  std::vector<std::pair<std::string, Index>> renamed;
  while (!open.empty()) {
    const Level at = open.back();
    open.pop_back();
    renamed.clear();
    for (const auto& [name, file] : tree_.names(at.directory)) {
      const FileType type = tree_.file(file).type;
      if (type == FileType::directory) open.push_back({file, at.depth + 1});
      if (type != FileType::symlink || !tree_.link_target(file).starts_with('/')) continue;
      const std::string target =
          relative_target(tree_.below_root(tree_.link_target(file)), at.depth);
      if (target.size() >= PATH_MAX) continue;
      auto& made = transformed.try_emplace({file, at.depth}, kNone).first->second;
      if (made == kNone) {
        FileExtras extras = tree_.extras(file);
        FileRecord record = tree_.file(file);
        record.extras = 0;
        made = tree_.add(record);
        tree_.set_link_target(made, target);
        if (!extras.xattrs.empty()) tree_.set_extras(made, std::move(extras));
      }
      renamed.emplace_back(name, made);
    }
    for (const auto& [name, file] : renamed) tree_.put(at.directory, name, file);
  }
}

FileTree RootfsBuilder::finish(AbsoluteLinks links) {
  if (links == AbsoluteLinks::transform) transform_links();
  // As large as the layers; the tree gives the memory back with its own.
  std::vector<Index>().swap(copies_);
  std::vector<Step>().swap(steps_);
  return tree_.finish();
}

}  // namespace digestfs::fs
