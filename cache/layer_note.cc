// SPDX-License-Identifier: Apache-2.0
#include "cache/layer_note.h"

#include <string>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace digestfs::cache {
namespace {

constexpr const char* kFolder = "layers";

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
  if (!text) return std::nullopt;
  const auto json = nlohmann::json::parse(*text, nullptr, false);
  if (!json.is_object() || json.value("diff", nlohmann::json()) != diff.str()) return std::nullopt;
  const auto size = json.find("size");
  if (size == json.end() || !size->is_number_unsigned()) return std::nullopt;
  return size->get<std::uint64_t>();
}

}  // namespace digestfs::cache
