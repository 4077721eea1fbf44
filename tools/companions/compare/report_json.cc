// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "tools/companions/common/json_text.h"
#include "tools/companions/compare/report.h"

namespace digestfs::companions {
namespace {

using Json = nlohmann::ordered_json;

Json digest_json(const std::optional<Digest>& digest) {
  return digest ? Json(digest->str()) : Json(nullptr);
}

Json text_json(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json number_json(const std::optional<std::uint64_t>& number) {
  return number ? Json(*number) : Json(nullptr);
}

Json subject_json(const Subject& subject) {
  Json json;
  json["path"] = subject.directory().path.native();
  json["kind"] = subject.index ? "index" : "image";
  json["digest"] = subject.directory().digest.str();
  json["mediaType"] = text_json(subject.media_type());
  if (subject.image) {
    json["id"] = digest_json(subject.image->id());
    json["platform"] = text_json(subject.image->platform());
    json["compressed"] = number_json(subject.image->stored_size());
  }
  return json;
}

Json layer_json(const Image& image, const std::optional<std::size_t>& i) {
  if (!i) return nullptr;
  const Layer& layer = image.layers[*i];
  Json json;
  json["layer"] = layer.name;
  json["blob"] = digest_json(layer.blob);
  json["diff"] = digest_json(layer.diff);
  json["size"] = number_json(layer.size);
  json["mediaType"] = text_json(layer.media_type);
  return json;
}

Json file_json(const FileChange& change) {
  Json json;
  json["path"] = change.path;
  json["change"] = to_string(change.kind);
  if (change.kind == FileChangeKind::changed) json["what"] = change.what;
  if (change.is_directory) json["directory"] = true;
  if (!change.layer_a.empty()) json["layerA"] = change.layer_a;
  if (!change.layer_b.empty()) json["layerB"] = change.layer_b;
  if (!change.removed_by.empty()) json["removedBy"] = change.removed_by;
  return json;
}

template <class Element, class Convert>
Json list_json(const std::vector<Element>& elements, const Convert& convert) {
  Json list = Json::array();
  for (const Element& element : elements) list.push_back(convert(element));
  return list;
}

Json field_json(const FieldChange& change) {
  Json json;
  json["field"] = change.field;
  json["a"] = change.a ? Json(*change.a) : Json(nullptr);
  json["b"] = change.b ? Json(*change.b) : Json(nullptr);
  return json;
}

Json platform_json(const PlatformPair& pair) {
  Json json;
  json["platform"] = pair.name;
  json["a"] = digest_json(pair.a);
  json["b"] = digest_json(pair.b);
  json["sentence"] = text_json(pair.sentence);
  json["error"] = text_json(pair.error);
  return json;
}

}  // namespace

std::string comparison_json(const Subject& a, const Subject& b, const Comparison& comparison,
                            const std::vector<FileChange>* files) {
  Json json;
  json["schema"] = "digestfs-compare/1";
  json["same"] = comparison.relation == Relation::same_document;
  json["relation"] = to_string(comparison.relation);
  json["sentence"] = comparison.sentence;
  json["a"] = subject_json(a);
  json["b"] = subject_json(b);
  if (a.image && b.image) {
    json["layers"] = list_json(comparison.layers, [&](const LayerPair& pair) {
      Json line;
      line["relation"] = to_string(pair.relation);
      line["a"] = layer_json(*a.image, pair.a);
      line["b"] = layer_json(*b.image, pair.b);
      return line;
    });
  }
  json["fields"] = list_json(comparison.fields, field_json);
  if (a.index && b.index) json["platforms"] = list_json(comparison.platforms, platform_json);
  Json& referrers = json["referrers"];
  referrers["both"] = comparison.referrers.both;
  referrers["onlyA"] = comparison.referrers.only_a;
  referrers["onlyB"] = comparison.referrers.only_b;
  referrers["error"] = text_json(comparison.referrers.error);
  if (files != nullptr) json["files"] = list_json(*files, file_json);
  return json_text(json);
}

}  // namespace digestfs::companions
