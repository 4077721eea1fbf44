// SPDX-License-Identifier: Apache-2.0
#include "fs/image/titles.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include <linux/limits.h>

#include "base/text.h"
#include "fs/tree/file_tree_builder.h"

namespace digestfs::fs {
namespace {

constexpr const char* kTitle = "org.opencontainers.image.title";

/// The title as one component; nothing where it makes none.
std::optional<std::string> to_name(std::string_view title) {
  while (title.starts_with("./")) title.remove_prefix(2);
  std::string name(title);
  std::ranges::replace(name, '/', '_');
  if (name.empty() || name == "." || name == ".." || name.size() > NAME_MAX ||
      name.find('\0') != std::string::npos) {
    return std::nullopt;
  }
  return name;
}

}  // namespace

TitledBlobs titled_blobs(const registry::Manifest& artifact) {
  TitledBlobs titled;
  std::map<std::string, Digest> taken;
  for (const auto& layer : artifact.layers) {
    if (!layer) continue;
    const auto title = layer->annotations.find(kTitle);
    if (title == layer->annotations.end()) continue;
    auto name = to_name(title->second);
    const std::string shown = printable(std::string_view(title->second).substr(0, NAME_MAX));
    if (!name) {
      titled.problems.push_back(
          str_cat("the title '", shown, "' of ", layer->digest, " is no file name; left out"));
      continue;
    }
    if (*name != title->second) {
      titled.problems.push_back(str_cat("the title '", shown, "' of ", layer->digest,
                                        " is shown as '", printable(*name), "'"));
    }
    const auto [at, added] = taken.try_emplace(*name, layer->digest);
    if (!added) {
      if (at->second == layer->digest) continue;
      const std::string suffix = str_cat("@", layer->digest.encoded().substr(0, 12));
      name->resize(std::min<std::size_t>(name->size(), NAME_MAX - suffix.size()));
      *name += suffix;
      if (!taken.try_emplace(*name, layer->digest).second) continue;
    }
    titled.blobs.push_back({std::move(*name), layer->digest});
  }
  return titled;
}

}  // namespace digestfs::fs
