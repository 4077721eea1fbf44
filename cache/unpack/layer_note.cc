// SPDX-License-Identifier: Apache-2.0
#include "cache/unpack/layer_note.h"

#include <cstddef>
#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"
#include "registry/image/json.h"

namespace digestfs::cache {
namespace {

constexpr const char* kFolder = "layers";
// A note of ours has some 150 bytes.
constexpr std::size_t kMaxLayerNote = std::size_t{64} << 10U;
// No file is larger, and no tool takes a larger size.
constexpr std::uint64_t kMaxSize = INT64_MAX;

std::string note_name(const Digest& layer) {
  return str_cat(layer.algorithm(), "-", layer.encoded(), ".json");
}

}  // namespace

void write_layer_note(const Store& store, const Digest& layer, const Digest& diff,
                      const LayerContent& content) {
  nlohmann::ordered_json note;
  note["diff"] = diff.str();
  note["size"] = content.size;
  note["compression"] = to_string(content.compression);
  store.write_note(kFolder, note_name(layer), note.dump());
}

std::optional<std::uint64_t> read_layer_note(const Store& store, const Digest& layer,
                                             const Digest& diff) {
  const auto text = store.read_note(kFolder, note_name(layer));
  if (!text || text->size() > kMaxLayerNote) return std::nullopt;
  try {
    const auto json = registry::parse_json(*text, registry::NameCase::matters);
    if (registry::text_member(json, "diff") != diff.str()) return std::nullopt;
    const auto size = registry::number_member(json, "size");
    return size && *size <= kMaxSize ? size : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;  // a note that makes no sense is none
  }
}

}  // namespace digestfs::cache
