// SPDX-License-Identifier: Apache-2.0
#include "fs/object/documents.h"

#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace digestfs::fs {

using cache::ProblemKind;
using registry::DocumentClass;

namespace {

/// The class of document that a hint speaks of; `other` where it speaks of none.
DocumentClass hinted_class(const std::string& hint) {
  const DocumentClass hinted = registry::document_class(hint);
  return hinted == DocumentClass::config ? DocumentClass::other : hinted;
}

}  // namespace

std::shared_ptr<const Document> Documents::known_document(const Digest& digest) const {
  const auto memory = memory_.lock();
  const auto at = memory->documents.find(digest);
  return at == memory->documents.end() ? nullptr : at->second.own;
}

std::shared_ptr<const Document> Documents::document(const Digest& digest, const std::string& hint,
                                                    const Patience& patience) {
  const DocumentClass hinted = hinted_class(hint);
  std::shared_ptr<const Document> own;
  {
    const auto memory = memory_.lock();
    if (const auto at = memory->documents.find(digest); at != memory->documents.end()) {
      own = at->second.own;
      const auto reading = at->second.by_hint.find(hinted);
      if (reading != at->second.by_hint.end()) return reading->second;
    }
  }
  if (!own) own = read(digest, {}, patience);
  auto document = hinted == DocumentClass::other ? own : read_as(digest, hint, own, patience);
  report(digest, *document);
  const auto memory = memory_.lock();
  if (!memory->documents.contains(digest)) make_room(*memory, digest, own->bytes);
  Readings& readings = memory->documents[digest];
  // Who was faster has handed out its own.
  if (!readings.own) readings.own = std::move(own);
  return readings.by_hint.try_emplace(hinted, std::move(document)).first->second;
}

void Documents::make_room(Memory& memory, const Digest& digest, std::size_t bytes) const {
  while (!memory.kept.empty() && memory.bytes + bytes > most_) {
    const auto& [oldest, size] = memory.kept.front();
    memory.documents.erase(oldest);
    memory.configs.erase(oldest);
    memory.bytes -= size;
    memory.kept.pop_front();
  }
  memory.kept.emplace_back(digest, bytes);
  memory.bytes += bytes;
}

std::shared_ptr<const Document> Documents::read(const Digest& digest, const std::string& hint,
                                                const Patience& patience) {
  const std::string bytes = content_.read_small(digest, patience, registry::kMaxManifestBytes);
  auto document = std::make_shared<Document>();
  document->bytes = bytes.size();
  try {
    document->manifest = registry::parse_manifest(bytes, hint);
    document->is_index = document->manifest->kind == registry::ManifestKind::index;
  } catch (const Error& error) {
    document->unusable = error.what();
    document->is_index = hinted_class(hint) == DocumentClass::index;
  }
  return document;
}

/// What `own`, which was read without a hint, is to whom `hint` refers to it.
std::shared_ptr<const Document> Documents::read_as(const Digest& digest, const std::string& hint,
                                                   const std::shared_ptr<const Document>& own,
                                                   const Patience& patience) {
  if (!own->manifest) return read(digest, hint, patience);
  const auto why = registry::contradiction(own->manifest->media_type, hint);
  if (!why) return own;
  return std::make_shared<const Document>(
      Document{.manifest = {}, .unusable = *why, .is_index = own->is_index});
}

void Documents::report(const Digest& digest, const Document& document) {
  const auto add = [&](const std::string& detail) {
    problems_.report({.kind = ProblemKind::bad_document, .object = digest.str(), .detail = detail});
  };
  if (!document.manifest) {
    add(document.unusable);
    return;
  }
  for (const std::string& problem : document.manifest->problems) add(problem);
  for (const std::string& remark : document.manifest->remarks) {
    problems_.report({.kind = ProblemKind::remark, .object = digest.str(), .detail = remark});
  }
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
  document->bytes = bytes.size();
  try {
    document->config = registry::parse_config(bytes);
  } catch (const Error& error) {
    document->unusable = error.what();
  }
  const auto memory = memory_.lock();
  if (!memory->configs.contains(digest)) make_room(*memory, digest, bytes.size());
  return memory->configs.try_emplace(digest, std::move(document)).first->second;
}

}  // namespace digestfs::fs
