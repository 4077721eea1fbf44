// SPDX-License-Identifier: Apache-2.0
#include "registry/image/manifest.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"
#include "registry/image/descriptor_json.h"
#include "registry/image/json.h"
#include "registry/image/media_type.h"
#include "registry/image/schema1.h"

namespace digestfs::registry {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxDescriptors = 100'000;  // MT-5

/// The names that have a meaning at the top level of any class of document.
constexpr std::array<std::string_view, 12> kNames = {
    "schemaVersion", "mediaType", "config",  "layers",       "manifests",   "fsLayers",
    "history",       "blobs",     "subject", "artifactType", "annotations", "signatures"};

/// Refuses a document that two decoders read differently (MT-4, CVE-2021-41190). Go's decoders take
/// `Layers` for `layers`; ours does not.
void refuse_other_spellings(const json& document) {
  std::set<std::string> meaningful;
  for (const std::string_view name : kNames) meaningful.insert(folded(name));
  for (const auto& [name, value] : document.items()) {
    if (std::ranges::find(kNames, name) == kNames.end() && meaningful.contains(folded(name))) {
      throw Error(Errc::corrupt, str_cat("the name \"", name, "\" is another one to some readers"));
    }
  }
}

void refuse_names(const json& document, std::string_view kind,
                  std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (document.contains(std::string(name))) {
      throw Error(Errc::corrupt, str_cat("it is ambiguous: ", kind, " with \"", name, "\""));
    }
  }
}

/// Tells the class of a document that does not state it by its shape (MT-3). Returns `other` if the
/// shape does not tell either.
DocumentClass guess_class(const json& document) {
  const auto version = number_member(document, "schemaVersion");
  if (version == 1U) return DocumentClass::schema1;
  const json* config = member(document, "config");
  if (config != nullptr) return DocumentClass::manifest;
  const json* manifests = member(document, "manifests");
  if (manifests != nullptr && manifests->is_array()) return DocumentClass::index;
  const json* layers = member(document, "layers");
  return layers != nullptr ? DocumentClass::manifest : DocumentClass::other;
}

bool is_document(DocumentClass document_class) {
  return document_class == DocumentClass::index || document_class == DocumentClass::manifest ||
         document_class == DocumentClass::schema1;
}

DocumentClass class_of(const json& document, const std::string& stated, std::string_view hint) {
  if (const auto why = contradiction(stated, hint)) throw Error(Errc::corrupt, *why);
  const DocumentClass says = document_class(stated);
  const DocumentClass hinted = document_class(hint);
  if (is_document(says)) return says;
  // The shape counts more than the hint, because the digest does not cover the hint.
  const DocumentClass guessed = guess_class(document);
  if (is_document(guessed)) return guessed;
  if (is_document(hinted)) return hinted;
  throw Error(Errc::corrupt, "it is neither an index nor a manifest");
}

/// Returns the array `name` of `document`, or an empty one if there is none.
const json& array_member(const json& document, std::string_view name) {
  static const json empty = json::array();
  const json* found = member(document, name);
  if (found == nullptr) return empty;
  if (!found->is_array()) throw Error(Errc::corrupt, str_cat("\"", name, "\" is no array"));
  if (found->size() > kMaxDescriptors) {
    throw Error(Errc::corrupt,
                str_cat("\"", name, "\" has more than ", kMaxDescriptors, " entries"));
  }
  return *found;
}

void read_index(const json& document, Manifest& manifest) {
  refuse_names(document, "an index", {"config", "layers", "fsLayers", "history"});
  std::size_t number = 0;
  for (const json& entry : array_member(document, "manifests")) {
    try {
      manifest.manifests.push_back(parse_descriptor(entry));
    } catch (const Error& error) {
      manifest.problems.push_back(str_cat("entry ", number, " is left out: ", error.what()));
    }
    ++number;
  }
}

void read_layers(const json& layers, Manifest& manifest) {
  for (const json& layer : layers) {
    try {
      manifest.layers.emplace_back(parse_descriptor(layer));
    } catch (const Error& error) {
      manifest.problems.push_back(
          str_cat("layer ", manifest.layers.size(), " is left out: ", error.what()));
      manifest.layers.emplace_back();
    }
  }
}

void read_manifest(const json& document, Manifest& manifest) {
  refuse_names(document, "a manifest", {"manifests", "fsLayers"});
  if (const json* config = member(document, "config"); config != nullptr) {
    try {
      manifest.config = parse_descriptor(*config);
    } catch (const Error& error) {
      manifest.problems.push_back(str_cat("the config is left out: ", error.what()));
    }
  }
  const bool withdrawn = document_class(manifest.media_type) == DocumentClass::manifest &&
                         bare_media_type(manifest.media_type) == media_type::kOciArtifact;
  read_layers(array_member(document, withdrawn ? "blobs" : "layers"), manifest);
  // MT-7: signatures and attestations may have the config of an image, too, but none of their blobs
  // is a layer.
  const bool has_layers =
      manifest.layers.empty() || std::ranges::any_of(manifest.layers, [](const auto& layer) {
        return !layer || layer->media_type.empty() || is_layer(layer->media_type);
      });
  const bool is_image = manifest.config && has_layers &&
                        document_class(manifest.config->media_type) == DocumentClass::config;
  manifest.kind = is_image ? ManifestKind::image : ManifestKind::artifact;
  // MT-7: without an `artifactType`, the type of the config says what the artifact is.
  if (!is_image && manifest.artifact_type.empty() && manifest.config) {
    manifest.artifact_type = manifest.config->media_type;
  }
}

}  // namespace

std::optional<std::string> contradiction(std::string_view stated, std::string_view hint) {
  const DocumentClass says = document_class(stated);
  const DocumentClass hinted = document_class(hint);
  if (!is_document(says) || !is_document(hinted) || says == hinted) return std::nullopt;
  return str_cat("it calls itself ", stated, " and is referred to as ", hint);
}

Manifest parse_manifest(std::string_view bytes, std::string_view hint) {
  if (bytes.size() > kMaxManifestBytes) {
    throw Error(Errc::corrupt, str_cat("it is larger than ", kMaxManifestBytes, " bytes"));
  }
  const json document = parse_json(bytes, NameCase::folded);
  if (!document.is_object()) throw Error(Errc::corrupt, "it is no JSON object");
  refuse_other_spellings(document);
  const std::string stated = text_member(document, "mediaType");
  const DocumentClass document_class = class_of(document, stated, hint);
  if (document_class == DocumentClass::schema1) {
    refuse_names(document, "a schema 1 manifest", {"manifests", "layers", "config"});
    return parse_schema1(document);
  }
  Manifest manifest;
  if (with_replacements(bytes)) manifest.remarks.emplace_back(kReplacementRemark);
  manifest.media_type = stated;
  manifest.artifact_type = text_member(document, "artifactType");
  manifest.annotations = parse_annotations(member(document, "annotations"));
  if (const json* subject = member(document, "subject"); subject != nullptr) {
    try {
      manifest.subject = parse_descriptor(*subject);
    } catch (const Error& error) {
      manifest.problems.push_back(str_cat("the subject is left out: ", error.what()));
    }
  }
  if (document_class == DocumentClass::index) {
    manifest.kind = ManifestKind::index;
    read_index(document, manifest);
  } else {
    read_manifest(document, manifest);
  }
  return manifest;
}

}  // namespace digestfs::registry
