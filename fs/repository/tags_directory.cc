// SPDX-License-Identifier: Apache-2.0
#include "fs/repository/tags_directory.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "fs/object/facts.h"
#include "fs/static_directory.h"
#include "registry/image/reference.h"

namespace digestfs::fs {
cache::Tag TagDirectory::resolve(const Patience& patience) const {
  auto tag = context_.tags.resolve(tag_, patience);
  if (!tag) throw Error(Errc::not_found, str_cat("there is no tag ", tag_, " any more"));
  context_.images.meet_manifest(tag->descriptor);
  return *std::move(tag);
}

/// What `look` finds in the image that the tag names. A registry may name a digest that it does not
/// have, or under which it has something else: then it is asked once more (EP-4).
template <class Look>
auto TagDirectory::find(const Patience& patience, const Look& look) const {
  const cache::Tag tag = resolve(patience);
  try {
    return look(tag);
  } catch (const Error& error) {
    const bool is_wrong = error.code() == Errc::not_found || error.code() == Errc::corrupt;
    const Digest& digest = tag.descriptor.digest;
    if (!is_wrong || context_.images.known_document(digest) || !context_.tags.doubt(tag_, digest)) {
      throw;
    }
  }
  return look(resolve(patience));
}

ImageView TagDirectory::view_of(const cache::Tag& tag) const {
  return {context_, tag_, "tags/" + tag_, tag.descriptor.digest, tag.descriptor.media_type};
}

Attributes TagDirectory::attributes() const {
  return {.type = FileType::directory,
          .modified = from_nanoseconds(context_.tags.version(tag_)),
          .valid = Clock::duration::zero()};
}

Xattrs TagDirectory::xattrs() const {
  // Only once it was entered: `ls -l tags` asks for attributes of all of them.
  const auto tag = context_.tags.known(tag_);
  if (!tag) return {};
  Xattrs facts = view_of(*tag).xattrs(tag->descriptor.annotations);
  if (tag->stale) facts[kFactStale] = "true";
  return facts;
}

std::optional<Entry> TagDirectory::lookup(std::string_view name, const Patience& patience) const {
  return find(patience, [&](const cache::Tag& tag) {
    auto entry = view_of(tag).lookup(name, patience);
    if (entry) entry->valid = tag.believed;
    return entry;
  });
}

Listing TagDirectory::list(const Patience& patience) const {
  return find(patience, [&](const cache::Tag& tag) {
    std::vector<Entry> entries = view_of(tag).list(patience);
    for (Entry& entry : entries) entry.valid = tag.believed;
    return make_listing(std::move(entries));
  });
}

Clock::duration TagDirectory::absence_valid() const {
  return std::min(context_.selection.tag_ttl, kBriefMemory);
}

Attributes TagsDirectory::attributes() const {
  return {.type = FileType::directory,
          .modified = from_nanoseconds(context_.tags.list_version()),
          .valid = Clock::duration::zero()};
}

Clock::duration TagsDirectory::absence_valid() const {
  return std::min(context_.selection.tag_ttl, kBriefMemory);
}

Entry TagsDirectory::entry(const std::string& tag, Clock::duration valid) const {
  return {tag, context_.nodes.intern<TagDirectory>("tags/" + tag, context_, tag), valid};
}

std::optional<Entry> TagsDirectory::lookup(std::string_view name, const Patience& patience) const {
  const Selection& selection = context_.selection;
  if (!registry::is_tag(name) || selection.digest) return std::nullopt;
  if (selection.tag && *selection.tag != name) return std::nullopt;
  const std::string tag(name);
  if (!context_.tags.is_listed(tag) && !context_.tags.resolve(tag, patience)) {
    return std::nullopt;
  }
  return entry(tag, selection.tag_ttl);
}

Listing TagsDirectory::list(const Patience& patience) const {
  const Selection& selection = context_.selection;
  if (selection.digest) return make_listing({});
  if (selection.tag) return make_listing({entry(*selection.tag, selection.tag_ttl)});
  const cache::TagList tags = context_.tags.list(patience);
  for (const registry::Descriptor& descriptor : context_.tags.untagged()) {
    context_.images.meet_manifest(descriptor);
  }
  {
    const auto snapshot = snapshot_.lock();
    if (snapshot->names == tags.names) return snapshot->listing;
  }
  std::vector<Entry> entries;
  entries.reserve(tags.names->size());
  for (const std::string& tag : *tags.names) entries.push_back(entry(tag, selection.tag_ttl));
  Listing listing = make_listing(std::move(entries));
  const auto snapshot = snapshot_.lock();
  *snapshot = {tags.names, listing};
  return listing;
}

}  // namespace digestfs::fs
