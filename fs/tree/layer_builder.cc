// SPDX-License-Identifier: Apache-2.0
#include "fs/tree/layer_builder.h"

#include <algorithm>
#include <limits>
#include <unordered_set>
#include <utility>

#include <linux/limits.h>
#include <sys/sysmacros.h>

#include "base/text.h"
#include "fs/tree/whiteout.h"

namespace digestfs::fs {
namespace {

using archive::TarEntry;
using archive::TarType;

constexpr std::size_t kMaxXattrs = 1000;
// listxattr(2) fails altogether for a list over its limit; facts of our own need some room too.
constexpr std::size_t kMaxXattrNames = XATTR_LIST_MAX - 1024;

// Whoever is outside the range of user IDs is nobody (TAR-3).
constexpr std::uint32_t kNobody = 65534;

// What the kernel's device numbers have room for.
constexpr std::int64_t kMaxMajor = 0xfff;
constexpr std::int64_t kMaxMinor = 0xfffff;

// How many links a hard link to a later entry may lead through for lower layers to be asked.
constexpr std::size_t kMaxTargets = 8;

std::string join(const std::vector<std::string_view>& components, std::size_t count) {
  std::string path;
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) path += '/';
    path += components[i];
  }
  return path;
}

FileType file_type(TarType type) {
  switch (type) {
    case TarType::directory:
      return FileType::directory;
    case TarType::symlink:
      return FileType::symlink;
    case TarType::character_device:
      return FileType::character_device;
    case TarType::block_device:
      return FileType::block_device;
    case TarType::fifo:
      return FileType::fifo;
    case TarType::file:
    case TarType::hardlink:
    case TarType::other:
      break;
  }
  return FileType::file;
}

bool is_device(const TarEntry& entry) {
  return entry.type == TarType::character_device || entry.type == TarType::block_device;
}

/// Whether the kernel's device numbers have room for it.
bool is_device_number(const TarEntry& entry) {
  return entry.device_major >= 0 && entry.device_major <= kMaxMajor && entry.device_minor >= 0 &&
         entry.device_minor <= kMaxMinor;
}

/// A whiteout hides by its name, whatever it is (WH-1): what cannot be shown as such is an empty
/// file.
void make_plain(TarEntry& entry) {
  entry.type = TarType::file;
  entry.flag = '0';
  entry.size = 0;
  entry.sparse = false;
  entry.runs.clear();
}

/// Whether a link can have its target; that of a hard link is looked up by us alone.
bool has_usable_target(const TarEntry& entry) {
  switch (entry.type) {
    case TarType::symlink:
      return !entry.link.empty() && entry.link.size() < PATH_MAX;
    case TarType::hardlink:
      return entry.link.size() < PATH_MAX;
    default:
      return true;
  }
}

/// Whether an entry is none that a file tree can have, whatever its name.
bool is_odd(const TarEntry& entry) {
  return entry.type == TarType::other || (is_device(entry) && !is_device_number(entry)) ||
         !has_usable_target(entry);
}

/// The longest name. A whiteout's is longer than that of what it hides.
std::size_t max_name(std::string_view name) {
  return NAME_MAX + (is_whiteout(name) ? kWhiteout.size() : 0);
}

bool is_id(std::int64_t id) { return id >= 0 && id <= std::numeric_limits<std::uint32_t>::max(); }

std::uint32_t to_id(std::int64_t id) {
  return is_id(id) ? static_cast<std::uint32_t>(id) : kNobody;
}

}  // namespace

void LayerBuilder::take(TarEntry entry) {
  const CleanPath path = clean_path(entry.name);
  if (!path.components.empty() && is_whiteout(path.components.back()) && is_odd(entry)) {
    make_plain(entry);
  }
  if (!is_showable(entry)) return;
  if (path.escapes) findings_.add(entry.name, "the path leads out of the root; it is kept inside");
  if (path.components.empty()) {
    take_root(entry);
    return;
  }
  const std::string_view name = path.components.back();
  const std::string parents = join(path.components, path.components.size() - 1);
  if (parents.size() + name.size() + 1 > PATH_MAX || name.size() > max_name(name) ||
      std::any_of(path.components.begin(), path.components.end() - 1,
                  [](auto part) { return part.size() > NAME_MAX; })) {
    findings_.add(entry.name, "left out: its path or a name in it is too long");
    return;
  }
  if (name.size() > NAME_MAX) findings_.add(entry.name, "not listed: its name is too long");
  const auto walked = tree_.walk(FileTree::kRoot, parents, FileTreeBuilder::Missing::make);
  if (!walked.directory) {
    findings_.add(entry.name, "left out: its path goes through too many symbolic links");
    return;
  }
  if (walked.replaced) {
    findings_.add(entry.name, "a file had to give way to the directory that this is in");
  }
  take_at(*walked.directory, name, entry);
}

/// Whether an entry is of a kind that a file tree can have.
bool LayerBuilder::is_showable(const TarEntry& entry) {
  switch (entry.flag) {
    case '7':
    case 'S':
      findings_.add(entry.name, str_cat("a runtime refuses entries of type ", entry.flag,
                                        "; shown as the file it is"));
      break;
    default:
      break;
  }
  // The one way for it to get into a name is a sparse file's (`GNU.sparse.name`).
  if (entry.name.find('\0') != std::string::npos) {
    findings_.add(entry.name, "left out: there is a NUL in its name");
    return false;
  }
  if (entry.type == TarType::other) {
    findings_.add(entry.name, str_cat("left out: its type ", printable({&entry.flag, 1}),
                                      " is none of a file; a runtime refuses it"));
    return false;
  }
  if (!has_usable_target(entry)) {
    findings_.add(entry.name, "left out: no link can have its target");
    return false;
  }
  if (is_device(entry)) {
    if (!is_device_number(entry)) {
      findings_.add(entry.name, str_cat("left out: no device has the number ", entry.device_major,
                                        ":", entry.device_minor));
      return false;
    }
    if (entry.type == TarType::character_device && entry.device_major == 0 &&
        entry.device_minor == 0) {
      findings_.add(entry.name, "a device 0:0, which overlay file systems take for a whiteout");
    }
  }
  if (!is_id(entry.uid) || !is_id(entry.gid)) {
    findings_.add(entry.name, str_cat("no owner has the number ", entry.uid, ":", entry.gid,
                                      "; shown as ", kNobody));
  }
  return true;
}

FileRecord LayerBuilder::record_of(const TarEntry& entry) {
  FileRecord record;
  record.type = file_type(entry.type);
  record.mode = static_cast<std::uint16_t>(static_cast<std::uint64_t>(entry.mode) & 07777U);
  record.uid = to_id(entry.uid);
  record.gid = to_id(entry.gid);
  record.modified_seconds = entry.modified.seconds;
  record.modified_nanoseconds = entry.modified.nanoseconds;
  if (record.type == FileType::file) {
    record.size = entry.size;
    record.where = entry.offset;
  } else if (is_device(entry)) {
    record.where = makedev(static_cast<unsigned>(entry.device_major),
                           static_cast<unsigned>(entry.device_minor));
  }
  return record;
}

FileExtras LayerBuilder::extras_of(TarEntry& entry) {
  FileExtras extras;
  std::size_t listed = 0;
  for (auto& [name, value] : entry.xattrs) {
    if (name.empty() || name.find('\0') != std::string::npos || name.size() > XATTR_NAME_MAX ||
        value.size() > XATTR_SIZE_MAX || listed + name.size() + 1 > kMaxXattrNames ||
        extras.xattrs.size() >= kMaxXattrs) {
      findings_.add(entry.name, str_cat("its extended attribute ", shown_name(name),
                                        " is left out: over a limit"));
      continue;
    }
    listed += name.size() + 1;
    extras.xattrs.emplace(name, std::move(value));
  }
  if (!entry.defect.empty()) {
    findings_.add(entry.name, str_cat("its content cannot be shown: ", entry.defect));
  }
  extras.sparse = entry.sparse;
  extras.runs = std::move(entry.runs);
  extras.defect = std::move(entry.defect);
  return extras;
}

/// Gives `directory`, which is there, the attributes of an entry of its own.
void LayerBuilder::apply(Index directory, const FileRecord& record, FileExtras extras) {
  FileRecord& existing = tree_.file(directory);
  const std::uint64_t where = existing.where;
  const std::uint32_t extras_slot = existing.extras;
  existing = record;
  existing.where = where;
  existing.extras = extras_slot;
  if (extras_slot != 0 || !extras.xattrs.empty()) tree_.set_extras(directory, std::move(extras));
}

void LayerBuilder::take_root(TarEntry& entry) {
  if (entry.type != TarType::directory) {
    findings_.add(entry.name, "left out: the root is a directory");
    return;
  }
  apply(FileTree::kRoot, record_of(entry), extras_of(entry));
}

void LayerBuilder::take_at(Index directory, std::string_view name, TarEntry& entry) {
  if (entry.type == TarType::hardlink) {
    take_link(directory, name, entry);
    return;
  }
  const FileRecord record = record_of(entry);
  FileExtras extras = extras_of(entry);
  const auto existing = tree_.find(directory, name);
  if (existing && record.type == FileType::directory && tree_.is_directory(*existing)) {
    apply(*existing, record, std::move(extras));
    return;
  }
  const Index file = tree_.add(record);
  if (record.type == FileType::symlink) tree_.set_link_target(file, std::move(entry.link));
  if (!extras.xattrs.empty() || extras.sparse || !extras.defect.empty()) {
    tree_.set_extras(file, std::move(extras));
  }
  put(directory, name, file, entry.name);
}

/// Gives `file` a name; an earlier entry of that name gives way (PATH-5).
void LayerBuilder::put(Index directory, std::string_view name, Index file, std::string_view path) {
  if (const auto earlier = tree_.find(directory, name)) {
    findings_.add(path, !tree_.is_directory(*earlier) || tree_.names(*earlier).empty()
                            ? "an earlier entry of this name is left out"
                            : "a directory of this name is left out, with all that is in it");
  }
  tree_.put(directory, name, file);
}

void LayerBuilder::take_link(Index directory, std::string_view name, TarEntry& entry) {
  const CleanPath path = clean_path(entry.link);
  std::string target = join(path.components, path.components.size());
  const auto file = tree_.find_path(target);
  if (file && tree_.is_directory(*file) && is_whiteout(name)) {
    make_plain(entry);
    take_at(directory, name, entry);
    return;
  }
  if (file && tree_.is_directory(*file)) {
    findings_.add(entry.name, "left out: a hard link to a directory");
    return;
  }
  if (file && tree_.find(directory, name) == file) {
    if (!links_.contains(*file)) return;  // it says what is so already
    findings_.add(entry.name, "a hard link to itself");
    return;
  }
  if (file && !links_.contains(*file)) {
    put(directory, name, *file, entry.name);
    return;
  }
  FileRecord record = record_of(entry);
  record.size = 0;
  const Index placeholder = tree_.add(record);
  FileExtras extras;
  extras.missing_target = target;
  extras.defect = str_cat("it is a hard link to ", shown_name(target), ", which is not there");
  tree_.set_extras(placeholder, std::move(extras));
  put(directory, name, placeholder, entry.name);
  links_.emplace(placeholder,
                 Link{directory, std::string(name), std::move(entry.name), std::move(target)});
  in_order_.push_back(placeholder);
}

/// Returns the file that a hard link really leads to: the end of a chain of links, or where the
/// chain breaks. Records that for every link on the way.
LayerBuilder::Index LayerBuilder::settle(Index placeholder) {
  std::vector<Index> chain;
  std::unordered_set<Index> seen;
  std::vector<std::string> targets;
  Index at = placeholder;
  while (seen.insert(at).second) {
    if (const auto known = settled_.find(at); known != settled_.end()) {
      targets = known->second.targets;
      at = known->second.file;
      break;
    }
    const auto link = links_.find(at);
    if (link == links_.end()) break;
    const auto next = tree_.find_path(link->second.target);
    if (!next || tree_.is_directory(*next)) break;
    chain.push_back(at);
    at = *next;
  }
  for (std::size_t i = chain.size(); i-- > 0;) {
    const Index link = chain[i];
    if (link == at) continue;
    // A link that leads through many others keeps the nearest paths only.
    if (targets.size() >= kMaxTargets) targets.pop_back();
    targets.insert(targets.begin(), links_.at(link).target);
    settled_.emplace(link, Settled{at, targets});
  }
  return at;
}

void LayerBuilder::settle_links() {
  // What does not have its name by now was replaced.
  std::erase_if(in_order_, [this](Index placeholder) {
    const Link& link = links_.at(placeholder);
    return tree_.find(link.directory, link.name) != placeholder;
  });
  for (const Index placeholder : in_order_) {
    const Link& link = links_.at(placeholder);
    findings_.add(link.path,
                  links_.contains(settle(placeholder))
                      ? str_cat("a hard link to ", shown_name(link.target),
                                ", which this layer does not have")
                      : str_cat("a hard link to ", shown_name(link.target),
                                ", which comes after it: a file of a lower layer goes first"));
  }
  // Only now: until here the tree shows what is a link.
  for (const Index placeholder : in_order_) {
    const auto settled = settled_.find(placeholder);
    if (settled == settled_.end()) continue;
    const Link& link = links_.at(placeholder);
    const Index file = settled->second.file;
    tree_.put(link.directory, link.name, file);
    if (links_.contains(file)) continue;
    tree_.add_early_link({link.directory, link.name, std::move(settled->second.targets)});
  }
}

FileTree LayerBuilder::finish() {
  settle_links();
  return tree_.finish();
}

}  // namespace digestfs::fs
