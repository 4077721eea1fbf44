// SPDX-License-Identifier: Apache-2.0
#include "fs/documents.h"

#include "base/error.h"
#include "base/text.h"
#include "registry/media_type.h"

namespace digestfs::fs {

using cache::ProblemKind;

std::shared_ptr<const Document> Documents::known_document(const Digest& digest) const {
  const auto memory = memory_.lock();
  const auto at = memory->documents.find(digest);
  return at == memory->documents.end() ? nullptr : at->second;
}

std::shared_ptr<const Document> Documents::document(const Digest& digest, const std::string& hint,
                                                    const Patience& patience) {
  if (auto known = known_document(digest)) return known;
  const std::string bytes = content_.read_small(digest, patience, registry::kMaxManifestBytes);
  auto document = std::make_shared<Document>();
  try {
    document->manifest = registry::parse_manifest(bytes, hint);
    document->is_index = document->manifest->kind == registry::ManifestKind::index;
    for (const std::string& problem : document->manifest->problems) {
      problems_.report(
          {.kind = ProblemKind::bad_document, .object = digest.str(), .detail = problem});
    }
  } catch (const Error& error) {
    document->unusable = error.what();
    document->is_index = registry::document_class(hint) == registry::DocumentClass::index;
    problems_.report(
        {.kind = ProblemKind::bad_document, .object = digest.str(), .detail = error.what()});
  }
  const auto memory = memory_.lock();
  return memory->documents.try_emplace(digest, std::move(document)).first->second;
}

std::shared_ptr<const ConfigDocument> Documents::config(const Digest& digest,
                                                        const Patience& patience) {
  {
    const auto memory = memory_.lock();
    const auto at = memory->configs.find(digest);
    if (at != memory->configs.end()) return at->second;
  }
  const std::string bytes = content_.read_small(digest, patience, registry::kMaxConfigBytes);
  auto document = std::make_shared<ConfigDocument>();
  try {
    document->config = registry::parse_config(bytes);
  } catch (const Error& error) {
    document->unusable = error.what();
  }
  const auto memory = memory_.lock();
  return memory->configs.try_emplace(digest, std::move(document)).first->second;
}

}  // namespace digestfs::fs
