// SPDX-License-Identifier: Apache-2.0
#include "fs/repository/images_directory.h"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "base/side_by_side.h"
#include "base/text.h"
#include "fs/image/image_directory.h"
#include "fs/static_directory.h"

namespace digestfs::fs {

Attributes ImagesDirectory::attributes() const {
  return {.type = FileType::directory,
          .modified = from_nanoseconds(listed_.version()),
          .valid = Clock::duration::zero()};
}

Clock::duration ImagesDirectory::absence_valid() const { return kBriefMemory; }

std::optional<Entry> ImagesDirectory::lookup(std::string_view name,
                                             const Patience& patience) const {
  if (const auto digest = Digest::parse(name)) {
    if (!context_.images.find_document(*digest, patience)) return std::nullopt;
    listed_.add(*digest);
    return Entry{std::string(name), context_.nodes.intern<ImageDirectory>(
                                        str_cat("images/", *digest), context_, *digest)};
  }
  const auto digest = Digest::parse_hyphenated(name);
  if (!digest || !lookup(digest->str(), patience)) return std::nullopt;
  return context_.digests.hyphenated_link("images", name, *digest);
}

/// Takes in what the mount pins, and what a source on this machine names itself: an image without
/// a name is found nowhere else.
void ImagesDirectory::meet_named(const Patience& patience) const {
  const Selection& selection = context_.selection;
  if (selection.digest && !listed_.contains(*selection.digest)) {
    static_cast<void>(lookup(selection.digest->str(), patience));
  }
  // A registry is not asked for its tags here.
  if (!selection.is_local || selection.digest || selection.tag) return;
  std::vector<registry::Descriptor> named;
  SideBySide side_by_side;
  for (const std::string& name : *context_.tags.list(patience).names) {
    side_by_side.run([&] {
      if (const auto tag = context_.tags.resolve(name, patience)) named.push_back(tag->descriptor);
    });
  }
  side_by_side.wait();
  for (const registry::Descriptor& image : context_.tags.untagged()) named.push_back(image);
  for (const registry::Descriptor& image : named) {
    context_.images.meet_manifest(image);
    listed_.add(image.digest);
  }
}

Listing ImagesDirectory::list(const Patience& patience) const {
  meet_named(patience);
  std::vector<Entry> entries;
  for (const Digest& digest : listed_.all()) {
    entries.push_back({digest.str(), context_.nodes.intern<ImageDirectory>(
                                         str_cat("images/", digest), context_, digest)});
  }
  return make_listing(std::move(entries));
}

}  // namespace digestfs::fs
