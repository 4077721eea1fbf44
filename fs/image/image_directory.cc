// SPDX-License-Identifier: Apache-2.0
#include "fs/image/image_directory.h"

#include "base/error.h"
#include "base/text.h"
#include "fs/image/digest_directory.h"
#include "fs/static_directory.h"

namespace digestfs::fs {

std::optional<Entry> ImageDirectory::lookup(std::string_view name, const Patience& patience) const {
  return view_.lookup(name, patience);
}

Listing ImageDirectory::list(const Patience& patience) const {
  return make_listing(view_.list(patience));
}

Attributes ImagesDirectory::attributes() const {
  return {.type = FileType::directory,
          .modified = from_nanoseconds(repository_.images.version()),
          .valid = Clock::duration::zero()};
}

Clock::duration ImagesDirectory::absence_valid() const { return kBriefMemory; }

std::optional<Entry> ImagesDirectory::lookup(std::string_view name,
                                             const Patience& patience) const {
  if (const auto digest = Digest::parse(name)) {
    try {
      static_cast<void>(repository_.document(*digest, {}, patience));
    } catch (const Error& error) {
      if (error.code() == Errc::not_found) return std::nullopt;
      throw;
    }
    repository_.images.add(*digest);
    return Entry{std::string(name), repository_.inodes().intern<ImageDirectory>(
                                        str_cat("images/", *digest), repository_, *digest)};
  }
  const auto digest = Digest::parse_hyphenated(name);
  if (!digest || !lookup(digest->str(), patience)) return std::nullopt;
  return hyphenated_entry(repository_, "images", name, *digest);
}

Listing ImagesDirectory::list(const Patience& patience) const {
  const auto& pinned = repository_.selection().digest;
  std::vector<Entry> entries;
  if (pinned && !repository_.images.contains(*pinned)) {
    static_cast<void>(lookup(pinned->str(), patience));
  }
  for (const Digest& digest : repository_.images.all()) {
    entries.push_back({digest.str(), repository_.inodes().intern<ImageDirectory>(
                                         str_cat("images/", digest), repository_, digest)});
  }
  return make_listing(std::move(entries));
}

}  // namespace digestfs::fs
