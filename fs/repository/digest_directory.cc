// SPDX-License-Identifier: Apache-2.0
#include "fs/repository/digest_directory.h"

#include "base/error.h"
#include "base/text.h"
#include "fs/static_directory.h"
#include "registry/image/config.h"

namespace digestfs::fs {
DigestSet& DigestDirectory::members() const { return seen_.of(kind_); }

Attributes DigestDirectory::attributes() const {
  return {.type = FileType::directory,
          .modified = from_nanoseconds(members().version()),
          .valid = Clock::duration::zero()};
}

Clock::duration DigestDirectory::absence_valid() const { return kBriefMemory; }

std::optional<Entry> DigestDirectory::lookup(std::string_view name,
                                             const Patience& patience) const {
  if (const auto digest = Digest::parse(name)) {
    if (!members().contains(*digest)) {
      if (!has(*digest, patience)) return std::nullopt;
      members().add(*digest);
    }
    return Entry{std::string(name), digests_.file(*digest)};
  }
  const auto digest = Digest::parse_hyphenated(name);
  if (!digest || !lookup(digest->str(), patience)) return std::nullopt;
  return digests_.hyphenated_link(str_cat(inode()), name, *digest);
}

Listing DigestDirectory::list(const Patience& /*patience*/) const {
  std::vector<Entry> entries;
  for (const Digest& digest : members().all()) {
    entries.push_back({digest.str(), digests_.file(digest)});
  }
  return make_listing(std::move(entries));
}

bool DigestDirectory::has(const Digest& digest, const Patience& patience) const {
  switch (kind_) {
    case ObjectKind::indexes:
    case ObjectKind::manifests:
      return has_document(digest, patience);
    case ObjectKind::configs:
      return has_config(digest, patience);
    case ObjectKind::blobs:
      return content_.has_blob(digest, patience);
    case ObjectKind::diffs:
      return content_.has_diff(digest);
  }
  return false;
}

bool DigestDirectory::has_document(const Digest& digest, const Patience& patience) const {
  // One that was met as the other kind is not fetched just to be told so.
  const DigestSet& others =
      seen_.of(kind_ == ObjectKind::indexes ? ObjectKind::manifests : ObjectKind::indexes);
  if (others.contains(digest) && images_.known_document(digest)) return false;
  const auto document = images_.find_document(digest, patience);
  return document && document->is_index == (kind_ == ObjectKind::indexes);
}

bool DigestDirectory::has_config(const Digest& digest, const Patience& patience) const {
  if (!content_.has_blob(digest, patience)) return false;
  const auto size = content_.size(digest);
  if (size && size->exact && size->bytes > registry::kMaxConfigBytes) return false;
  try {
    if (!images_.is_config(digest, patience)) return false;
  } catch (const Error& error) {
    if (error.code() == Errc::too_large) return false;
    throw;
  }
  seen_.of(ObjectKind::blobs).add(digest);
  return true;
}

}  // namespace digestfs::fs
