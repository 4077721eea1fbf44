// SPDX-License-Identifier: Apache-2.0
#include "fs/object/image_reader.h"

#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "registry/image/media_type.h"
#include "registry/image/referrers.h"

namespace digestfs::fs {

using cache::ProblemKind;
using registry::Descriptor;
using registry::DocumentClass;
using registry::Endpoint;
using registry::Manifest;
using registry::ManifestKind;

void ImageReader::meet_manifest(const Descriptor& descriptor) {
  content_.meet(descriptor.digest, Endpoint::manifests, descriptor.size);
  if (known_document(descriptor.digest)) return;  // it is known what it really is
  const bool index = registry::document_class(descriptor.media_type) == DocumentClass::index;
  seen_.of(index ? ObjectKind::indexes : ObjectKind::manifests).add(descriptor.digest);
}

void ImageReader::meet_blob(const Descriptor& descriptor) {
  content_.meet(descriptor.digest, Endpoint::blobs, descriptor.size, descriptor.urls);
  seen_.of(ObjectKind::blobs).add(descriptor.digest);
}

void ImageReader::meet_all_of(const Digest& digest, const Document& document, Certainty certainty) {
  content_.meet(digest, Endpoint::manifests, std::nullopt);
  // Whoever named it may have been wrong about what it is; its bytes are not. Where they say
  // nothing, it may be the one to somebody and the other to somebody else.
  if (certainty == Certainty::bytes)
    seen_.of(document.is_index ? ObjectKind::manifests : ObjectKind::indexes).remove(digest);
  seen_.of(document.is_index ? ObjectKind::indexes : ObjectKind::manifests).add(digest);
  if (!document.manifest) return;
  const Manifest& manifest = *document.manifest;
  for (const Descriptor& entry : manifest.manifests) {
    if (const auto image = registry::attested(entry)) {
      (*attestations_.lock())[*image].push_back(entry);
    }
    switch (registry::document_class(entry.media_type)) {
      case DocumentClass::index:
      case DocumentClass::manifest:
      case DocumentClass::schema1:
        meet_manifest(entry);
        break;
      case DocumentClass::config:
      case DocumentClass::other:
        // EP-6: what is of an unknown type may be behind either endpoint.
        content_.meet(entry.digest, Endpoint::manifests, entry.size);
        meet_blob(entry);
        break;
    }
  }
  if (manifest.config) {
    meet_blob(*manifest.config);
    if (manifest.kind == ManifestKind::image)
      seen_.of(ObjectKind::configs).add(manifest.config->digest);
  }
  for (const auto& layer : manifest.layers) {
    if (layer) meet_blob(*layer);
  }
}

std::vector<Descriptor> ImageReader::attestations(const Digest& image) const {
  const auto attestations = attestations_.lock();
  const auto at = attestations->find(image);
  return at == attestations->end() ? std::vector<Descriptor>{} : at->second;
}

bool ImageReader::has(const Digest& digest, const Patience& patience) {
  if (content_.has_blob(digest, patience)) {
    seen_.of(ObjectKind::blobs).add(digest);
    return true;
  }
  return find_document(digest, patience) != nullptr;
}

std::shared_ptr<const Document> ImageReader::find_document(const Digest& digest,
                                                           const Patience& patience) {
  const bool is_met = seen_.of(ObjectKind::indexes).contains(digest) ||
                      seen_.of(ObjectKind::manifests).contains(digest);
  try {
    if (!is_met && !content_.may_have_manifest(digest, patience)) return nullptr;
    return document(digest, {}, patience);
  } catch (const Error& error) {
    if (error.code() == Errc::not_found) return nullptr;
    throw;
  }
}

std::shared_ptr<const Document> ImageReader::known_document(const Digest& digest) const {
  return documents_.known_document(digest);
}

std::shared_ptr<const Document> ImageReader::document(const Digest& digest, const std::string& hint,
                                                      const Patience& patience) {
  if (!known_document(digest)) content_.guess(digest, Endpoint::manifests);
  auto document = documents_.document(digest, hint, patience);
  // What its bytes say it names is met however it was referred to.
  const auto own = known_document(digest);
  const bool is_certain = own && own->manifest;
  const Document& met = is_certain ? *own : *document;
  std::string reading = digest.str();
  if (!is_certain) reading += met.manifest ? (met.is_index ? " index" : " manifest") : " unusable";
  const bool first = introduced_.lock()->insert(std::move(reading)).second;
  if (first) meet_all_of(digest, met, is_certain ? Certainty::bytes : Certainty::hint);
  return document;
}

bool ImageReader::is_config(const Digest& digest, const Patience& patience) {
  return documents_.config(digest, patience)->config.has_value();
}

std::shared_ptr<const ConfigDocument> ImageReader::config(const Digest& digest,
                                                          const Manifest& manifest,
                                                          const Patience& patience) {
  if (manifest.kind != ManifestKind::image || !manifest.config) return nullptr;
  auto document = documents_.config(manifest.config->digest, patience);
  if (!document->config) {
    problems_.report({.kind = ProblemKind::bad_document,
                      .object = manifest.config->digest.str(),
                      .detail = document->unusable});
    return nullptr;
  }
  const registry::ImageConfig& config = *document->config;
  for (const std::string& problem : config.problems) {
    problems_.report({.kind = ProblemKind::bad_document,
                      .object = manifest.config->digest.str(),
                      .detail = problem});
  }
  for (const std::string& remark : config.remarks) {
    problems_.report(
        {.kind = ProblemKind::remark, .object = manifest.config->digest.str(), .detail = remark});
  }
  if (config.diff_ids.size() != manifest.layers.size()) {
    problems_.report(
        {.kind = ProblemKind::unpaired,
         .object = digest.str(),
         .detail = str_cat("the manifest has ", manifest.layers.size(), " layers, its config ",
                           config.diff_ids.size(), " diff_ids; none is paired")});
    return document;
  }
  for (std::size_t i = 0; i < manifest.layers.size(); ++i) {
    const auto& layer = manifest.layers[i];
    const auto& diff = config.diff_ids[i];
    if (!layer || !diff || registry::is_encrypted(layer->media_type)) continue;
    content_.meet_diff(*diff, layer->digest);
    seen_.of(ObjectKind::diffs).add(*diff);
  }
  return document;
}

std::vector<ImageLayer> ImageReader::layers(const Digest& digest, const Manifest& manifest,
                                            const Patience& patience) {
  const auto document = config(digest, manifest, patience);
  const bool paired = document && document->config->diff_ids.size() == manifest.layers.size();
  const std::vector<std::string>& created_by =
      paired ? document->config->created_by : manifest.created_by;
  std::vector<ImageLayer> layers(manifest.layers.size());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    layers[i].blob = manifest.layers[i];
    const bool readable = layers[i].blob && !registry::is_encrypted(layers[i].blob->media_type);
    if (paired && readable) layers[i].diff = document->config->diff_ids[i];
    if (created_by.size() == layers.size()) layers[i].created_by = created_by[i];
    if (document) layers[i].created = document->config->created_at();
  }
  return layers;
}

void ImageReader::check_size(const ImageLayer& layer, const Patience& patience) {
  if (!layer.blob || !layer.blob->size) return;
  content_.check_size(layer.blob->digest, *layer.blob->size, patience);
}

std::vector<Digest> ImageReader::rootfs_diffs(const Digest& digest, const Manifest& manifest,
                                              const Patience& patience) {
  std::vector<Digest> ordered;
  for (const ImageLayer& layer : layers(digest, manifest, patience)) {
    if (!layer.diff) {
      throw Error(Errc::corrupt,
                  str_cat("cannot merge the layers of ", digest, ": layer ", ordered.size(),
                          " has no diff_id, or its manifest and its config are not of one length"));
    }
    ordered.push_back(*layer.diff);
  }
  return ordered;
}

}  // namespace digestfs::fs
