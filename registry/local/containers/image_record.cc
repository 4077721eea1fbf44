// SPDX-License-Identifier: Apache-2.0
#include "registry/local/containers/image_record.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/error.h"
#include "base/text.h"
#include "registry/image/json.h"
#include "registry/image/reference.h"

namespace digestfs::registry {
namespace {

using nlohmann::json;

constexpr std::string_view kManifest = "manifest";
constexpr std::string_view kManifestOf = "manifest-";
constexpr std::size_t kMaxId = 128;
constexpr std::size_t kMaxKey = 180;  // in base64 it must be a file name

bool is_plain(char c) noexcept {
  return c == '.' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
}

/// Returns the digest of the document that is kept under `key`, or nothing if the document is no
/// manifest and no config.
std::optional<Digest> digest_of_key(const std::string& key, const json* digests,
                                    const std::optional<Digest>& image) {
  // First this: `manifest-sha256:…` has the form of a digest, too.
  if (key.starts_with(kManifestOf)) return Digest::parse(key.substr(kManifestOf.size()));
  if (key != kManifest) {
    auto digest = Digest::parse(key);
    return digest && digest->is_verifiable() ? digest : std::nullopt;
  }
  if (digests != nullptr) {
    if (auto digest = Digest::parse(text_member(*digests, key))) return digest;
  }
  return image;
}

std::vector<BigData> documents_of(const json& record, const std::optional<Digest>& image) {
  std::vector<BigData> documents;
  const json* keys = member(record, "big-data-names");
  const json* sizes = member(record, "big-data-sizes");
  const json* digests = member(record, "big-data-digests");
  if (keys == nullptr || !keys->is_array()) return documents;
  for (const json& element : *keys) {
    if (!element.is_string()) continue;
    const auto& key = element.get_ref<const std::string&>();
    if (key.empty() || key.size() > kMaxKey) continue;
    auto digest = digest_of_key(key, digests, image);
    if (!digest) continue;
    BigData data{key, *std::move(digest), std::nullopt};
    if (sizes != nullptr) data.size = number_member(*sizes, key);
    // Base64 has slashes, though not for the keys that occur.
    if (data.file_name().find('/') == std::string::npos) documents.push_back(std::move(data));
  }
  return documents;
}

std::vector<ImageName> names_of(const json& record, LeftOutList& left_out) {
  std::vector<ImageName> names;
  const json* list = member(record, "names");
  if (list == nullptr || !list->is_array()) return names;
  for (const json& element : *list) {
    if (!element.is_string()) continue;
    const auto& name = element.get_ref<const std::string&>();
    try {
      Reference reference = Reference::parse(name);
      names.push_back(
          {reference.repository(), std::move(reference.tag), std::move(reference.digest)});
    } catch (const Error& error) {
      left_out.add(name, error.what());
    }
  }
  return names;
}

}  // namespace

std::string BigData::file_name() const {
  if (std::all_of(key.begin(), key.end(), is_plain)) return key;
  return str_cat("=", encode_base64(key));
}

const BigData* ImageRecord::manifest() const {
  const BigData* other = nullptr;
  for (const BigData& data : documents) {
    if (data.key == kManifest) return &data;
    if (data.is_manifest() && (other == nullptr || digest == data.digest)) other = &data;
  }
  return other;
}

const BigData* ImageRecord::document(const Digest& wanted) const {
  const auto at = std::find_if(documents.begin(), documents.end(),
                               [&](const BigData& data) { return data.digest == wanted; });
  return at == documents.end() ? nullptr : &*at;
}

std::vector<ImageRecord> parse_image_records(std::string_view text, LeftOutList& left_out) {
  const json document = parse_json(text, NameCase::matters);
  if (document.is_null()) return {};  // how Go writes an empty list
  if (!document.is_array()) throw Error(Errc::corrupt, "it is no list of images");
  std::vector<ImageRecord> records;
  for (const json& entry : document) {
    ImageRecord record;
    record.id = text_member(entry, "id");
    if (!is_store_id(record.id)) {
      left_out.add(record.id, "it is no ID of an image");
      continue;
    }
    record.top_layer = text_member(entry, "layer");
    if (!record.top_layer.empty() && !is_store_id(record.top_layer)) {
      left_out.add(record.id, "the ID of its layer is none");
      continue;
    }
    record.digest = Digest::parse(text_member(entry, "digest"));
    record.names = names_of(entry, left_out);
    record.documents = documents_of(entry, record.digest);
    records.push_back(std::move(record));
  }
  return records;
}

bool is_store_id(std::string_view id) noexcept {
  return !id.empty() && id.size() <= kMaxId && id.front() != '.' &&
         std::all_of(id.begin(), id.end(), [](char c) {
           return is_plain(c) || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
         });
}

}  // namespace digestfs::registry
