// SPDX-License-Identifier: Apache-2.0
#include "fs/object/facts.h"

#include <string>

#include <linux/limits.h>

namespace digestfs::fs {
namespace {

constexpr const char* kAnnotationPrefix = "user.oci.annotation.";

std::string to_word(cache::State state) {
  switch (state) {
    case cache::State::remote:
      return "remote";
    case cache::State::cached:
      return "cached";
    case cache::State::verified:
      return "verified";
  }
  return {};
}

}  // namespace

Xattrs content_facts(const cache::Content& content, const Digest& digest,
                     const std::string& media_type) {
  Xattrs facts;
  facts[kFactDigest] = digest.str();
  if (!media_type.empty()) facts[kFactMediaType] = media_type;
  if (const auto diff = content.diff_of(digest)) facts[kFactDiffId] = diff->str();
  if (const auto size = content.size(digest)) {
    if (size->exact) facts[kFactSize] = std::to_string(size->bytes);
    facts[kFactSizeKind] = size->exact ? "exact" : "estimate";
  }
  facts[kFactState] = to_word(content.state(digest));
  if (const auto fetched = content.fetched(digest)) facts[kFactFetched] = std::to_string(*fetched);
  return facts;
}

Xattrs descriptor_facts(const registry::Descriptor& descriptor) {
  Xattrs facts;
  facts[kFactDigest] = descriptor.digest.str();
  if (descriptor.size) facts[kFactSize] = std::to_string(*descriptor.size);
  if (!descriptor.media_type.empty()) facts[kFactMediaType] = descriptor.media_type;
  if (!descriptor.artifact_type.empty()) facts[kFactArtifactType] = descriptor.artifact_type;
  add_annotations(facts, descriptor.annotations);
  return facts;
}

void add_annotations(Xattrs& facts, const registry::Annotations& annotations) {
  // listxattr(2) fails altogether for a list over the limit, so it must not come to that; the rest
  // of the attributes needs some room too.
  std::size_t listed = 1024;
  for (const auto& [name, value] : facts) listed += name.size() + 1;
  for (const auto& [key, value] : annotations) {
    const std::string name = kAnnotationPrefix + key;
    if (facts.contains(name)) continue;
    listed += name.size() + 1;
    if (name.size() > XATTR_NAME_MAX || value.size() > XATTR_SIZE_MAX || listed > XATTR_LIST_MAX ||
        key.empty() || key.find('\0') != std::string::npos) {
      continue;
    }
    facts.emplace(name, value);
  }
}

}  // namespace digestfs::fs
