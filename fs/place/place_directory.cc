// SPDX-License-Identifier: Apache-2.0
#include "fs/place/place_directory.h"

#include <algorithm>
#include <exception>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "fs/static_directory.h"
#include "registry/image/reference.h"

namespace digestfs::fs {
namespace {

/// `_`: the tree of a repository, which is opened when a process enters it.
class RepositoryEntrance final : public Directory {
 public:
  RepositoryEntrance(InodeNumber inode, OpenedRepositories& opened, std::string name)
      : Directory(inode), opened_(opened), name_(std::move(name)) {}

  [[nodiscard]] Attributes attributes() const override { return {.type = FileType::directory}; }
  [[nodiscard]] std::optional<Entry> lookup(std::string_view name,
                                            const Patience& patience) const override {
    return repository(patience).lookup(name);
  }
  [[nodiscard]] Listing list(const Patience& patience) const override {
    return make_listing(repository(patience).list());
  }

 private:
  [[nodiscard]] const Repository& repository(const Patience& patience) const {
    const Repository* repository = opened_.open(name_, patience);
    if (repository == nullptr) {
      throw Error(Errc::not_found, str_cat("there is no repository ", name_, " any more"));
    }
    return *repository;
  }

  // Constant after construction.
  OpenedRepositories& opened_;
  std::string name_;
};

/// Returns true if `path` can be the name of a repository, or the beginning of one.
bool may_lead_to_repository(const std::string& path) {
  return registry::is_repository_name(path) || registry::is_repository_name(path + "/a");
}

}  // namespace

Attributes PlaceDirectory::attributes() const {
  return {.type = FileType::directory,
          .modified = from_nanoseconds(context_.list.version() + context_.opened.version()),
          .valid = Clock::duration::zero()};
}

Clock::duration PlaceDirectory::absence_valid() const {
  return std::min(context_.selection.tag_ttl, kBriefMemory);
}

std::string PlaceDirectory::child(std::string_view name) const {
  return path_.empty() ? std::string(name) : str_cat(path_, "/", name);
}

Entry PlaceDirectory::directory(std::string_view name) const {
  const std::string path = child(name);
  return {std::string(name), context_.nodes.intern<PlaceDirectory>(path + "/", context_, path),
          context_.selection.tag_ttl};
}

Entry PlaceDirectory::inside() const {
  return {"_", context_.nodes.intern<RepositoryEntrance>(child("_") + "/", context_.opened, path_),
          context_.selection.tag_ttl};
}

/// Returns true if there is a directory `path`: because it is a repository, because there is one
/// below it, or because the place keeps no list that could tell.
bool PlaceDirectory::exists(const std::string& path, const Patience& patience) const {
  if (context_.opened.known(path) != nullptr || context_.opened.has_below(path)) return true;
  if (const auto names = context_.list.known()) {
    if (!names->is_complete || names->contains(path) || names->has_below(path)) return true;
  }
  std::exception_ptr denial;
  try {
    if (registry::is_repository_name(path) && context_.opened.open(path, patience) != nullptr) {
      return true;
    }
  } catch (const Error& error) {
    // Many registries deny access to what they do not have.
    if (error.code() != Errc::denied) throw;
    denial = std::current_exception();
  }
  const cache::RepositoryNames names = context_.list.list(patience);
  if (!names.is_complete || names.has_below(path)) return true;
  if (denial) std::rethrow_exception(denial);
  return false;
}

bool PlaceDirectory::is_repository(const Patience& patience) const {
  const auto names = context_.list.known();
  return (names && names->contains(path_)) || context_.opened.open(path_, patience) != nullptr;
}

/// Returns the link `<b>:<tag>` or `<b>@<digest>` into the tree of the repository `<b>`.
std::optional<Entry> PlaceDirectory::link(std::string_view name, const Patience& patience) const {
  const auto end = name.find_first_of(":@");
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view base = name.substr(0, end);
  const std::string_view wanted = name.substr(end + 1);
  const bool is_digest = name[end] == '@';
  if (is_digest ? !Digest::parse(wanted) && !Digest::parse_hyphenated(wanted)
                : !registry::is_tag(wanted)) {
    return std::nullopt;
  }
  const std::string path = child(base);
  if (!registry::is_repository_name(path)) return std::nullopt;
  const Repository* repository = context_.opened.open(path, patience);
  if (repository == nullptr) return std::nullopt;
  const char* const folder = is_digest ? "images" : "tags";
  const auto images = repository->lookup(folder);
  const auto image = static_cast<const Directory*>(images->node)->lookup(wanted, patience);
  if (!image) return std::nullopt;
  return Entry{std::string(name),
               context_.nodes.symlink(child(name), str_cat(base, "/_/", folder, "/", wanted)),
               image->valid};
}

std::optional<Entry> PlaceDirectory::lookup(std::string_view name, const Patience& patience) const {
  if (path_.empty() && name == ".digestfs") {
    const Directory* state = context_.state();
    return state == nullptr ? std::nullopt : std::optional(Entry{".digestfs", state});
  }
  if (name == "_") return is_repository(patience) ? std::optional(inside()) : std::nullopt;
  const std::string path = child(name);
  if (may_lead_to_repository(path) && exists(path, patience)) return directory(name);
  return link(name, patience);
}

/// Adds the names of the directories that lead from here to `names`.
void PlaceDirectory::add_children(const std::set<std::string>& names,
                                  std::set<std::string>& children) const {
  const std::string above = path_.empty() ? std::string() : path_ + "/";
  auto at = names.lower_bound(above);
  while (at != names.end() && at->starts_with(above)) {
    const auto slash = at->find('/', above.size());
    children.insert(at->substr(above.size(), slash - above.size()));
    // Past all that is below the same child: what follows "a/" in the order of bytes is "a0".
    at = slash == std::string::npos ? std::next(at) : names.lower_bound(at->substr(0, slash) + "0");
  }
}

Listing PlaceDirectory::list(const Patience& patience) const {
  const cache::RepositoryNames listed = context_.list.list(patience);
  const std::int64_t opened = context_.opened.version();
  {
    const auto snapshot = snapshot_.lock();
    if (snapshot->names == listed.names && snapshot->opened == opened) return snapshot->listing;
  }
  std::set<std::string> children;
  add_children(*listed.names, children);
  add_children(context_.opened.names(), children);
  std::vector<Entry> entries;
  entries.reserve(children.size() + 2);
  const Directory* state = path_.empty() ? context_.state() : nullptr;
  if (state != nullptr) entries.push_back({".digestfs", state});
  if (listed.contains(path_) || context_.opened.known(path_) != nullptr) {
    entries.push_back(inside());
  }
  for (const std::string& name : children) entries.push_back(directory(name));
  Listing listing = make_listing(std::move(entries));
  const auto snapshot = snapshot_.lock();
  *snapshot = {listed.names, opened, listing};
  return listing;
}

}  // namespace digestfs::fs
