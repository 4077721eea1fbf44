// SPDX-License-Identifier: Apache-2.0
#include "registry/local/containers/layer_record.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "registry/image/json.h"
#include "registry/local/containers/image_record.h"

namespace digestfs::registry {
namespace {

using nlohmann::json;

/// Returns true if the layer is being written, or was when its writer ended.
bool is_incomplete(const json* flags) {
  const json* flag = flags == nullptr ? nullptr : member(*flags, "incomplete");
  return flag != nullptr && flag->is_boolean() && flag->get<bool>();
}

}  // namespace

void add_layer_records(LayerRecords& records, std::string_view text) {
  const json document = parse_json(text, NameCase::matters);
  if (document.is_null()) return;  // how Go writes an empty list
  if (!document.is_array()) throw Error(Errc::corrupt, "it is no list of layers");
  for (const json& entry : document) {
    LayerRecord record;
    record.id = text_member(entry, "id");
    record.parent = text_member(entry, "parent");
    const json* flags = member(entry, "flags");
    if (!is_store_id(record.id) || is_incomplete(flags)) continue;
    record.diff = Digest::parse(text_member(entry, "diff-digest"));
    if (flags != nullptr) {
      record.claimed = Digest::parse(text_member(*flags, "expected-layer-diffid"));
    }
    record.size = number_member(entry, "diff-size");
    record.compressed = Digest::parse(text_member(entry, "compressed-diff-digest"));
    std::string id = record.id;
    records.emplace(std::move(id), std::move(record));
  }
}

}  // namespace digestfs::registry
