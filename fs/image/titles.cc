// SPDX-License-Identifier: Apache-2.0
#include "fs/image/titles.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include <linux/limits.h>

#include "base/text.h"
#include "fs/tree/file_tree_builder.h"

namespace digestfs::fs {
namespace {

constexpr const char* kTitle = "org.opencontainers.image.title";
// More folders in one another than any artifact needs; each costs a directory.
constexpr std::size_t kMaxComponents = 32;

bool is_component(std::string_view name) { return name.size() <= NAME_MAX; }

/// Returns the title as a path inside `files/`, or nothing if it names no file there.
std::optional<std::string> to_path(std::string_view title) {
  if (title.starts_with('/') || title.ends_with('/') ||
      title.find('\0') != std::string_view::npos) {
    return std::nullopt;
  }
  const CleanPath clean = clean_path(title);
  if (clean.escapes || clean.components.empty() || clean.components.size() > kMaxComponents ||
      !std::ranges::all_of(clean.components, is_component)) {
    return std::nullopt;
  }
  std::string path;
  for (const std::string_view component : clean.components) {
    if (!path.empty()) path += '/';
    path += component;
  }
  return path;
}

/// Gives out paths, each to one file or folder.
class Paths {
 public:
  enum class Outcome { added, same_blob, other_blob, folder };

  Outcome take(const std::string& path, const Digest& blob) {
    if (folders_.contains(path)) return Outcome::folder;
    if (const auto at = files_.find(path); at != files_.end()) {
      return at->second == blob ? Outcome::same_blob : Outcome::other_blob;
    }
    std::vector<std::string> above;
    for (auto slash = path.find('/'); slash != std::string::npos;
         slash = path.find('/', slash + 1)) {
      above.push_back(path.substr(0, slash));
      if (files_.contains(above.back())) return Outcome::folder;
    }
    folders_.insert(above.begin(), above.end());
    files_.emplace(path, blob);
    return Outcome::added;
  }

 private:
  std::map<std::string, Digest> files_;
  std::set<std::string> folders_;
};

/// Returns `path` with `@<first 12 hex>` behind its last component.
std::string told_apart(const std::string& path, const Digest& blob) {
  const std::string suffix = str_cat("@", blob.encoded().substr(0, 12));
  const auto slash = path.rfind('/');
  const std::size_t begin = slash == std::string::npos ? 0 : slash + 1;
  return path.substr(0, begin) + path.substr(begin, NAME_MAX - suffix.size()) + suffix;
}

}  // namespace

TitledBlobs titled_blobs(const registry::Manifest& artifact) {
  TitledBlobs titled;
  Paths paths;
  std::vector<Digest> unnamed;
  for (const auto& layer : artifact.layers) {
    if (!layer) continue;
    const auto title = layer->annotations.find(kTitle);
    if (title == layer->annotations.end()) continue;
    const Digest& blob = layer->digest;
    const std::string shown = printable(std::string_view(title->second).substr(0, NAME_MAX));
    auto path = to_path(title->second);
    auto outcome = path ? paths.take(*path, blob) : Paths::Outcome::folder;
    if (outcome == Paths::Outcome::other_blob) {
      path = told_apart(*path, blob);
      outcome = paths.take(*path, blob);
    }
    if (outcome == Paths::Outcome::added) {
      if (*path != title->second) {
        titled.problems.push_back(
            str_cat("the title '", shown, "' of ", blob, " is shown as '", printable(*path), "'"));
      }
      titled.blobs.push_back({*std::move(path), blob});
    } else if (outcome == Paths::Outcome::folder) {
      titled.problems.push_back(str_cat("the title '", shown, "' of ", blob,
                                        " names no file in files/; the digest is its name"));
      unnamed.push_back(blob);
    }
  }
  // Last: no title may take the place of a digest that a title of another blob lacks.
  for (const Digest& blob : unnamed) {
    std::string name = blob.str();
    if (paths.take(name, blob) == Paths::Outcome::added) titled.blobs.push_back({name, blob});
  }
  return titled;
}

}  // namespace digestfs::fs
