// SPDX-License-Identifier: Apache-2.0
#include "fs/repository/images_directory.h"

#include <chrono>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "fs/image/image_directory.h"
#include "fs/static_directory.h"

namespace digestfs::fs {

Attributes ImagesDirectory::attributes() const {
  return {.type = FileType::directory,
          .modified = from_nanoseconds(opened_.version()),
          .valid = Clock::duration::zero()};
}

Clock::duration ImagesDirectory::absence_valid() const { return kBriefMemory; }

std::optional<Entry> ImagesDirectory::lookup(std::string_view name,
                                             const Patience& patience) const {
  if (const auto digest = Digest::parse(name)) {
    try {
      static_cast<void>(context_.images.document(*digest, {}, patience));
    } catch (const Error& error) {
      if (error.code() == Errc::not_found) return std::nullopt;
      throw;
    }
    opened_.add(*digest);
    return Entry{std::string(name), context_.inodes.intern<ImageDirectory>(
                                        str_cat("images/", *digest), context_, *digest)};
  }
  const auto digest = Digest::parse_hyphenated(name);
  if (!digest || !lookup(digest->str(), patience)) return std::nullopt;
  return context_.digests.hyphenated_link("images", name, *digest);
}

Listing ImagesDirectory::list(const Patience& patience) const {
  const auto& pinned = context_.selection.digest;
  std::vector<Entry> entries;
  if (pinned && !opened_.contains(*pinned)) {
    static_cast<void>(lookup(pinned->str(), patience));
  }
  for (const Digest& digest : opened_.all()) {
    entries.push_back({digest.str(), context_.inodes.intern<ImageDirectory>(
                                         str_cat("images/", digest), context_, digest)});
  }
  return make_listing(std::move(entries));
}

}  // namespace digestfs::fs
