// SPDX-License-Identifier: Apache-2.0
#include "tools/companions/cache/known_facts.h"

#include <optional>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "cache/disk/notes.h"
#include "registry/image/config.h"
#include "registry/image/json.h"
#include "registry/image/manifest.h"
#include "tools/companions/common/words.h"
#include "tools/companions/mount/image.h"

namespace digestfs::companions {
namespace {

constexpr std::string_view kEnding = ".json";
constexpr std::size_t kMaxLayerNote = std::size_t{64} << 10U;
constexpr std::size_t kMaxTagNote = std::size_t{8} << 20U;
constexpr std::size_t kMostTags = 3;

std::optional<nlohmann::json> read_json_note(const cache::Directory& directory,
                                             const std::string& path, std::size_t limit) {
  const auto text = cache::read_note(directory, path, limit);
  if (!text) return std::nullopt;
  try {
    return registry::parse_json(*text, registry::NameCase::matters);
  } catch (const Error&) {
    return std::nullopt;
  }
}

/// Returns what the document `text` is, or an empty text if it is none.
std::string document_kind(const std::string& text) {
  try {
    // Every manifest has a version, and no config has one.
    const auto json = registry::parse_json(text, registry::NameCase::matters);
    if (registry::member(json, "schemaVersion") == nullptr) {
      return str_cat("config ", platform_text(registry::parse_config(text).platform));
    }
    switch (registry::parse_manifest(text).kind) {
      case registry::ManifestKind::index:
        return "index";
      case registry::ManifestKind::image:
        return "manifest";
      case registry::ManifestKind::artifact:
        return "manifest of an artifact";
      case registry::ManifestKind::schema1:
        return "manifest (schema 1)";
    }
  } catch (const Error&) {
    // It is any other JSON.
  }
  return {};
}

}  // namespace

KnownFacts::KnownFacts(const cache::Directory& directory) : directory_(directory) {
  read_layers();
  read_tags();
}

void KnownFacts::read_layers() {
  for (const std::string& name : directory_.names_in("layers")) {
    if (!name.ends_with(kEnding)) continue;
    const auto layer = Digest::parse_hyphenated(name.substr(0, name.size() - kEnding.size()));
    if (!layer) continue;
    const auto note = read_json_note(directory_, "layers/" + name, kMaxLayerNote);
    if (!note) continue;
    const auto diff = Digest::parse(registry::text_member(*note, "diff"));
    if (!diff) continue;
    const std::string compression = registry::text_member(*note, "compression");
    kinds_[layer->str()] = str_cat("layer", compression.empty() ? "" : " (" + compression + ")",
                                   " of diff ", digest_text(*diff, Digests::brief));
    kinds_.try_emplace(diff->str(), str_cat("diff of layer ", digest_text(*layer, Digests::brief)));
  }
}

void KnownFacts::read_tags() {
  for (const std::string& name : directory_.names_in("tags")) {
    if (!name.ends_with(kEnding)) continue;
    const auto note = read_json_note(directory_, "tags/" + name, kMaxTagNote);
    if (!note) continue;
    const std::string source = registry::text_member(*note, "source");
    const auto* const digests = registry::member(*note, "digests");
    if (digests == nullptr || !digests->is_object()) continue;
    for (const auto& [tag, known] : digests->items()) {
      const std::string digest = registry::text_member(known, "digest");
      if (!digest.empty()) tags_[digest].push_back(str_cat(source, ":", tag));
    }
  }
}

std::string KnownFacts::kind_of(const CachedObject& object) const {
  if (object.area == "partial") return "incomplete";
  if (object.area == "quarantine") return "came instead of something else";
  const auto known = kinds_.find(object.digest.str());
  if (known != kinds_.end()) return known->second;
  if (object.area == "diffs") return "diff";
  constexpr std::uint64_t kLargest = registry::kMaxManifestBytes;
  if (object.bytes > kLargest) return {};
  const auto file = directory_.open(object.path);
  if (!file) return {};
  try {
    // Documents begin with a brace, and layers do not.
    std::byte first{};
    if (read_at(file->get(), std::span(&first, 1), 0) == 0 || first != std::byte{'{'}) return {};
    return document_kind(read_rest(file->get(), kLargest));
  } catch (const std::exception&) {
    return {};
  }
}

std::string KnownFacts::describe(const CachedObject& object) const {
  std::string text = kind_of(object);
  const auto tags = tags_.find(object.digest.str());
  if (tags == tags_.end()) return text;
  for (std::size_t i = 0; i < tags->second.size() && i < kMostTags; ++i) {
    text += str_cat(text.empty() ? "" : ", ", tags->second[i]);
  }
  if (tags->second.size() > kMostTags) {
    text += str_cat(" and ", counted(tags->second.size() - kMostTags, "other tag"));
  }
  return text;
}

}  // namespace digestfs::companions
