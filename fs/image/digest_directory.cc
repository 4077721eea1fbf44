// SPDX-License-Identifier: Apache-2.0
#include "fs/image/digest_directory.h"

#include "base/error.h"
#include "base/text.h"
#include "fs/image/digest_file.h"
#include "fs/static_directory.h"
#include "registry/image/config.h"

namespace digestfs::fs {
Entry hyphenated_entry(Repository& repository, std::string_view directory, std::string_view name,
                       const Digest& digest) {
  const auto* link = repository.inodes().symlink(str_cat(directory, "/", name), digest.str());
  return {std::string(name), link};
}

DigestSet& DigestDirectory::members() const {
  switch (kind_) {
    case Kind::indexes:
      return repository_.indexes;
    case Kind::manifests:
      return repository_.manifests;
    case Kind::configs:
      return repository_.configs;
    case Kind::blobs:
      return repository_.blobs;
    case Kind::diffs:
      break;
  }
  return repository_.diffs;
}

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
    return Entry{std::string(name), DigestFile::of(repository_, *digest)};
  }
  const auto digest = Digest::parse_hyphenated(name);
  if (!digest || !lookup(digest->str(), patience)) return std::nullopt;
  return hyphenated_entry(repository_, str_cat(inode()), name, *digest);
}

Listing DigestDirectory::list(const Patience& /*patience*/) const {
  std::vector<Entry> entries;
  for (const Digest& digest : members().all()) {
    entries.push_back({digest.str(), DigestFile::of(repository_, digest)});
  }
  return make_listing(std::move(entries));
}

bool DigestDirectory::has(const Digest& digest, const Patience& patience) const {
  switch (kind_) {
    case Kind::indexes:
    case Kind::manifests:
      return has_document(digest, patience);
    case Kind::configs:
      return has_config(digest, patience);
    case Kind::blobs:
      return repository_.content().has_blob(digest, patience);
    case Kind::diffs:
      return repository_.content().has_diff(digest);
  }
  return false;
}

bool DigestDirectory::has_document(const Digest& digest, const Patience& patience) const {
  // One that was met as the other kind is not fetched just to be told so.
  const DigestSet& others = kind_ == Kind::indexes ? repository_.manifests : repository_.indexes;
  if (others.contains(digest) && repository_.known_document(digest)) return false;
  try {
    const auto document = repository_.document(digest, {}, patience);
    return document->is_index == (kind_ == Kind::indexes);
  } catch (const Error& error) {
    if (error.code() == Errc::not_found) return false;
    throw;
  }
}

bool DigestDirectory::has_config(const Digest& digest, const Patience& patience) const {
  if (!repository_.content().has_blob(digest, patience)) return false;
  const auto size = repository_.content().size(digest);
  if (size && size->exact && size->bytes > registry::kMaxConfigBytes) return false;
  try {
    if (!repository_.is_config(digest, patience)) return false;
  } catch (const Error& error) {
    if (error.code() == Errc::too_large) return false;
    throw;
  }
  repository_.blobs.add(digest);
  return true;
}

}  // namespace digestfs::fs
