// SPDX-License-Identifier: Apache-2.0
#include "registry/image/schema1.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/error.h"
#include "base/text.h"
#include "registry/image/json.h"

namespace digestfs::registry {
namespace {

using nlohmann::json;

/// What `v1Compatibility` says of a layer.
struct V1Layer {
  std::string id;
  std::string created_by;
  bool is_empty = false;
};

V1Layer parse_v1(const json& history) {
  V1Layer layer;
  const std::string text = text_member(history, "v1Compatibility");
  const json v1 = parse_json(text, NameCase::matters);
  layer.id = text_member(v1, "id");
  const json* empty = member(v1, "throwaway");
  layer.is_empty = empty != nullptr && *empty == true;
  const json* config = member(v1, "container_config");
  const json* command = config == nullptr ? nullptr : member(*config, "Cmd");
  if (command != nullptr && command->is_array()) {
    for (const json& word : *command) {
      if (!word.is_string()) continue;
      if (!layer.created_by.empty()) layer.created_by += ' ';
      layer.created_by += word.get<std::string>();
    }
  }
  return layer;
}

}  // namespace

Manifest parse_schema1(const json& document) {
  Manifest manifest;
  manifest.kind = ManifestKind::schema1;
  manifest.media_type = text_member(document, "mediaType");
  const json* layers = member(document, "fsLayers");
  const json* history = member(document, "history");
  if (layers == nullptr || !layers->is_array() || history == nullptr || !history->is_array() ||
      layers->size() != history->size()) {
    throw Error(Errc::corrupt, "its fsLayers and history do not pair up");
  }
  std::string last_id;
  // The document has the newest layer first.
  for (std::size_t i = layers->size(); i-- > 0;) {
    V1Layer v1;
    try {
      v1 = parse_v1((*history)[i]);
    } catch (const Error& error) {
      throw Error(Errc::corrupt, str_cat("history entry ", i, ": ", error.what()));
    }
    if (v1.is_empty || (!v1.id.empty() && v1.id == last_id)) continue;
    last_id = v1.id;
    const std::string digest = text_member((*layers)[i], "blobSum");
    if (auto parsed = Digest::parse(digest)) {
      manifest.layers.emplace_back(Descriptor{.digest = *std::move(parsed)});
    } else {
      manifest.layers.emplace_back();
      manifest.problems.push_back(str_cat("fsLayers entry ", i, ": \"", digest, "\" is no digest"));
    }
    manifest.created_by.push_back(std::move(v1.created_by));
  }
  return manifest;
}

std::string signed_payload(std::string_view bytes) {
  json document;
  try {
    document = parse_json(bytes, NameCase::matters);
  } catch (const Error&) {
    return std::string(bytes);  // not signed, whatever else it is
  }
  const json* signatures = member(document, "signatures");
  const auto version = number_member(document, "schemaVersion");
  if (version != 1U || signatures == nullptr || !signatures->is_array() || signatures->empty()) {
    return std::string(bytes);
  }
  const std::string protected_header = text_member(signatures->front(), "protected");
  for (const json& signature : *signatures) {
    if (text_member(signature, "protected") != protected_header) {
      throw Error(Errc::corrupt, "its signatures are not over the same payload");
    }
  }
  const auto header = decode_base64(protected_header);
  if (!header) throw Error(Errc::corrupt, "its signature's protected header is no base64");
  const json fields = parse_json(*header, NameCase::matters);
  const auto length = number_member(fields, "formatLength");
  const auto tail = decode_base64(text_member(fields, "formatTail"));
  if (!length || !tail || *length > bytes.size()) {
    throw Error(Errc::corrupt, "its signature does not say what it is over");
  }
  return std::string(bytes.substr(0, static_cast<std::size_t>(*length))) + *tail;
}

}  // namespace digestfs::registry
