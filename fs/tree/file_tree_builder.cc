// SPDX-License-Identifier: Apache-2.0
#include "fs/tree/file_tree_builder.h"

#include <algorithm>
#include <array>
#include <utility>

#include <malloc.h>

#include "base/error.h"
#include "base/text.h"

namespace digestfs::fs {
namespace {

// Trees of fewer files are not worth tidying up after.
constexpr std::size_t kMany = 10'000;

/// Empties a container and frees its memory, which an assignment of `{}` would keep.
template <class Container>
void release(Container& container) {
  Container().swap(container);
}

/// The components of a path, to be walked one by one; links put theirs in front.
class Trail {
 public:
  explicit Trail(std::string_view path) { push(path); }

  void push(std::string_view path) { paths_.emplace_back(path); }

  /// The next component; empty at the end. Views the string it came from.
  std::string_view next() {
    while (!paths_.empty()) {
      std::string_view& path = paths_.back();
      const auto begin = std::min(path.find_first_not_of('/'), path.size());
      path.remove_prefix(begin);
      const std::string_view component = path.substr(0, path.find('/'));
      path.remove_prefix(component.size());
      if (!component.empty()) return component;
      paths_.pop_back();
    }
    return {};
  }

  /// Returns all that is still to come, each path with a slash before it.
  [[nodiscard]] std::string rest() const {
    std::string rest;
    for (std::size_t i = paths_.size(); i-- > 0;) {
      const std::string_view path = paths_[i];
      if (path.starts_with('/')) {
        rest += path;
      } else if (!path.empty()) {
        rest += str_cat("/", path);
      }
    }
    return rest;
  }

 private:
  std::vector<std::string_view> paths_;
};

/// Puts the directories first, the rest in their order; `order[new] = old`.
std::vector<FileTree::Index> order_of(const std::vector<FileRecord>& files,
                                      const std::vector<bool>& reached) {
  std::vector<FileTree::Index> order;
  for (const bool directories : {true, false}) {
    for (FileTree::Index i = 0; i < files.size(); ++i) {
      if (reached[i] && (files[i].type == FileType::directory) == directories) order.push_back(i);
    }
  }
  return order;
}

}  // namespace

FileTreeBuilder::FileTreeBuilder(const Limits& limits) : limits_(limits) {
  add(implicit_directory());
}

FileTreeBuilder::Contents& FileTreeBuilder::contents(Index directory) {
  return contents_[static_cast<std::size_t>(files_[directory].where)];
}

const FileTreeBuilder::Contents& FileTreeBuilder::contents(Index directory) const {
  return contents_[static_cast<std::size_t>(files_[directory].where)];
}

const FileTreeBuilder::Names& FileTreeBuilder::names(Index directory) const {
  return contents(directory).names;
}

std::optional<FileTreeBuilder::Index> FileTreeBuilder::find(Index directory,
                                                            std::string_view name) const {
  const Names& all = names(directory);
  const auto at = all.find(name);
  if (at == all.end()) return std::nullopt;
  return at->second;
}

FileTreeBuilder::Index FileTreeBuilder::add(FileRecord record) {
  if (files_.size() >= limits_.files) {
    throw Error(Errc::too_large, str_cat("it has more than ", limits_.files, " files"));
  }
  if (record.type == FileType::directory) {
    record.where = contents_.size();
    contents_.emplace_back();
  } else if (record.type == FileType::symlink) {
    record.where = targets_.size();
    targets_.emplace_back();
  }
  files_.push_back(record);
  return static_cast<Index>(files_.size() - 1);
}

FileRecord FileTreeBuilder::implicit_directory() {
  FileRecord record;
  record.type = FileType::directory;
  record.mode = 0755;
  record.implicit = true;
  return record;
}

void FileTreeBuilder::put(Index directory, std::string_view name, Index file) {
  contents(directory).names.insert_or_assign(std::string(name), file);
  if (is_directory(file)) contents(file).parent = directory;
}

void FileTreeBuilder::remove(Index directory, std::string_view name) {
  Names& names = contents(directory).names;
  if (const auto at = names.find(name); at != names.end()) names.erase(at);
}

void FileTreeBuilder::clear(Index directory) { contents(directory).names.clear(); }

void FileTreeBuilder::charge(std::uint64_t bytes) {
  bytes_ += bytes;
  if (bytes_ > limits_.bytes) {
    throw Error(Errc::too_large,
                str_cat("its links, extended attributes and sparse maps take more than ",
                        limits_.bytes, " bytes"));
  }
}

void FileTreeBuilder::set_link_target(Index symlink, std::string target) {
  charge(target.size());
  targets_[static_cast<std::size_t>(files_[symlink].where)] = std::move(target);
}

const std::string& FileTreeBuilder::link_target(Index symlink) const {
  return targets_[static_cast<std::size_t>(files_[symlink].where)];
}

void FileTreeBuilder::set_extras(Index file, FileExtras extras) {
  charge(size_of(extras));
  FileRecord& record = files_[file];
  if (record.extras != 0) {
    extras_[record.extras - 1] = std::move(extras);
    return;
  }
  extras_.push_back(std::move(extras));
  record.extras = static_cast<std::uint32_t>(extras_.size());
}

const FileExtras& FileTreeBuilder::extras(Index file) const {
  static const FileExtras none;
  const std::uint32_t slot = files_[file].extras;
  return slot == 0 ? none : extras_[slot - 1];
}

void FileTreeBuilder::add_early_link(EarlyLink link) {
  charge(size_of(link));
  early_links_.push_back(std::move(link));
}

FileTreeBuilder::Walked FileTreeBuilder::walk(Index directory, std::string_view path,
                                              Missing missing) {
  Walked walked;
  Trail trail(path);
  int links = 0;
  Index at = directory;
  const auto make = [&](std::string_view name) {
    const Index made = add(implicit_directory());
    put(at, name, made);
    at = made;
  };
  for (auto name = trail.next(); !name.empty(); name = trail.next()) {
    if (links > 0 && ++link_steps_ > limits_.link_steps) {
      throw Error(Errc::too_large, "its symbolic links lead through too many directories");
    }
    if (name == ".") continue;
    if (name == "..") {
      at = contents(at).parent;
      continue;
    }
    const auto found = find(at, name);
    if (!found) {
      if (missing == Missing::stop) return walked;
      make(name);
    } else if (is_directory(*found)) {
      at = *found;
    } else if (files_[*found].type == FileType::symlink) {
      if (++links > kMaxLinks) {
        walked.too_many_links = true;
        return walked;
      }
      const std::string& target = link_target(*found);
      if (target.starts_with('/')) at = FileTree::kRoot;
      trail.push(target);
    } else {
      if (missing == Missing::stop) return walked;
      walked.replaced = true;
      make(name);
    }
  }
  walked.directory = at;
  return walked;
}

std::optional<FileTreeBuilder::Index> FileTreeBuilder::find_path(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  const auto slash = path.rfind('/');
  const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  const std::string_view parents = slash == std::string_view::npos ? "" : path.substr(0, slash);
  const auto walked = walk(FileTree::kRoot, parents, Missing::stop);
  if (!walked.directory || name.empty()) return walked.directory;
  return find(*walked.directory, name);
}

std::string FileTreeBuilder::below_root(std::string_view target) {
  // What follows the last `..` stays as it is.
  std::size_t end = 0;
  for (std::size_t at = 0; at < target.size();) {
    const std::size_t slash = std::min(target.find('/', at), target.size());
    if (target.substr(at, slash - at) == "..") end = slash;
    at = slash + 1;
  }
  struct Step {
    std::string_view name;
    Index directory;
  };
  std::vector<Step> steps;
  Trail trail(target.substr(0, end));
  std::string rest;
  int links = 0;
  for (auto name = trail.next(); !name.empty(); name = trail.next()) {
    if (links > 0 && ++link_steps_ > limits_.link_steps) {
      throw Error(Errc::too_large, "its symbolic links lead through too many directories");
    }
    if (name == ".") continue;
    if (name == "..") {
      if (!steps.empty()) steps.pop_back();
      continue;
    }
    const auto found = find(steps.empty() ? FileTree::kRoot : steps.back().directory, name);
    if (found && files_[*found].type == FileType::symlink && ++links <= kMaxLinks) {
      const std::string& next = link_target(*found);
      if (next.starts_with('/')) steps.clear();
      trail.push(next);
      continue;
    }
    if (!found || !is_directory(*found)) {
      // Nobody gets further than here, so that what follows leads nowhere, whatever it says.
      rest = str_cat("/", name, trail.rest());
      break;
    }
    steps.push_back({name, *found});
  }
  std::string path;
  for (const Step& step : steps) path += str_cat("/", step.name);
  path += rest;
  path += target.substr(end);
  return path.empty() ? "/" : path;
}

FileTree FileTreeBuilder::finish() {
  const bool is_large = files_.size() > kMany;
  FileTree tree = assemble();
  // What building took is several times what the tree takes, in pieces that the heap would keep.
  if (is_large) ::malloc_trim(0);
  return tree;
}

FileTree FileTreeBuilder::assemble() {
  // A directory has one name, so that this meets each once.
  std::vector<bool> reached(files_.size());
  std::vector<Index> open{FileTree::kRoot};
  reached[FileTree::kRoot] = true;
  files_[FileTree::kRoot].links = 2;
  std::size_t name_count = 0;
  std::size_t text_size = 0;
  while (!open.empty()) {
    const Index directory = open.back();
    open.pop_back();
    for (const auto& [name, file] : names(directory)) {
      ++name_count;
      text_size += name.size();
      FileRecord& record = files_[file];
      if (record.type == FileType::directory) {
        record.links = 2;
        ++files_[directory].links;  // by its `..`
        open.push_back(file);
      } else {
        if (!reached[file]) record.links = 0;
        if (!reached[file] && record.type == FileType::symlink) {
          text_size += link_target(file).size();
        }
        ++record.links;
      }
      reached[file] = true;
    }
  }
  if (text_size > UINT32_MAX) throw Error(Errc::too_large, "its names take more than 4 GiB");
  const std::vector<Index> order = order_of(files_, reached);
  std::vector<Index> new_index(files_.size());
  for (Index i = 0; i < order.size(); ++i) new_index[order[i]] = i;

  // The names of what is no longer there are gone too.
  std::erase_if(early_links_, [&](const EarlyLink& link) {
    return !reached[link.directory] || !find(link.directory, link.name);
  });
  for (EarlyLink& link : early_links_) link.directory = new_index[link.directory];

  std::vector<FileTree::Name> all_names;
  std::string texts;
  std::vector<FileExtras> extras;
  all_names.reserve(name_count);
  texts.reserve(text_size);
  for (const Index old : order) {
    FileRecord& record = files_[old];
    if (record.type == FileType::directory) {
      Names names = std::exchange(contents(old).names, {});
      record.where = all_names.size();
      record.size = names.size();
      for (const auto& [name, file] : names) {
        all_names.push_back({static_cast<std::uint32_t>(texts.size()),
                             static_cast<std::uint32_t>(name.size()), new_index[file]});
        texts += name;
      }
    } else if (record.type == FileType::symlink) {
      const std::string& target = link_target(old);
      record.where = texts.size();
      record.size = target.size();
      texts += target;
    }
    if (record.extras != 0) {
      extras.push_back(std::move(extras_[record.extras - 1]));
      record.extras = static_cast<std::uint32_t>(extras.size());
    }
  }
  release(contents_);
  release(targets_);
  release(extras_);
  // Before the records are copied: the less memory is taken at once, the better.
  if (order.size() > kMany) ::malloc_trim(0);
  std::vector<FileRecord> files;
  files.reserve(order.size());
  for (const Index old : order) files.push_back(files_[old]);
  release(files_);
  return {std::move(files), std::move(all_names), std::move(texts), std::move(extras),
          std::move(early_links_)};
}

CleanPath clean_path(std::string_view path) {
  CleanPath clean;
  Trail trail(path);
  for (auto name = trail.next(); !name.empty(); name = trail.next()) {
    if (name == ".") continue;
    if (name != "..") {
      clean.components.push_back(name);
    } else if (clean.components.empty()) {
      clean.escapes = true;
    } else {
      clean.components.pop_back();
    }
  }
  return clean;
}

std::string printable(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\\') {
      text += "\\\\";
    } else if (byte >= 0x20 && byte < 0x7f) {
      text += c;
    } else {
      text += "\\x";
      text += kDigits[byte >> 4U];
      text += kDigits[byte & 0xfU];
    }
  }
  return text;
}

}  // namespace digestfs::fs
