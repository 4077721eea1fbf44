// SPDX-License-Identifier: Apache-2.0
#include "registry/local/layout_index.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "registry/image/descriptor_json.h"
#include "registry/image/json.h"
#include "registry/image/reference.h"
#include "registry/local/left_out_list.h"

namespace digestfs::registry {
namespace {

using nlohmann::json;

constexpr const char* kIndex = "index.json";
constexpr const char* kRefName = "org.opencontainers.image.ref.name";

/// Returns the tag in `name` if that is a full reference such as `docker.io/library/x:1`.
std::optional<std::string> tag_of_reference(const std::string& name) {
  try {
    return Reference::parse(name).tag;
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

LayoutIndex parse_layout_index(std::string_view bytes) {
  const json index = parse_json(bytes, NameCase::matters);
  const json* manifests = member(index, "manifests");
  if (manifests == nullptr || !manifests->is_array()) {
    throw Error(Errc::corrupt, "it has no \"manifests\"");
  }
  LayoutIndex read;
  LeftOutList left_out(kIndex);
  for (std::size_t i = 0; i < manifests->size(); ++i) {
    try {
      read.entries.push_back(parse_descriptor((*manifests)[i]));
    } catch (const Error& error) {
      left_out.add(str_cat("index.json entry ", i), error.what());
    }
  }
  read.left_out = left_out.records();
  return read;
}

LayoutNames layout_names(LayoutIndex index) {
  LayoutNames names;
  LeftOutList left_out(kIndex);
  left_out.add_all(index.left_out);
  std::vector<std::pair<std::string, Descriptor>> references;
  for (Descriptor& entry : index.entries) {
    const auto at = entry.annotations.find(kRefName);
    if (at == entry.annotations.end()) {
      names.untagged.push_back(std::move(entry));
      continue;
    }
    const std::string name = at->second;
    if (!is_tag(name)) {
      references.emplace_back(name, std::move(entry));
      continue;
    }
    const auto [tagged, added] = names.tags.emplace(name, entry);
    if (!added && tagged->second.digest != entry.digest) {
      left_out.add(
          name, str_cat("an entry before it has the same name; this is the image ", entry.digest));
      names.untagged.push_back(std::move(entry));
    }
  }
  // Full references come after plain names, wherever they stand in the list.
  for (auto& [name, descriptor] : references) {
    const auto tag = tag_of_reference(name);
    if (!tag) {
      left_out.add(name, str_cat("it is no tag; this is the image ", descriptor.digest));
      names.untagged.push_back(std::move(descriptor));
    } else if (const auto at = names.tags.find(*tag); at == names.tags.end()) {
      names.tags.emplace(*tag, std::move(descriptor));
    } else if (at->second.digest != descriptor.digest) {
      left_out.add(name, str_cat("another entry has the tag ", *tag, "; this is the image ",
                                 descriptor.digest));
      names.untagged.push_back(std::move(descriptor));
    }
  }
  names.left_out = left_out.records();
  return names;
}

TagPage LayoutNames::page() const {
  TagPage page;
  for (const auto& [tag, descriptor] : tags) page.tags.push_back(tag);
  page.untagged = untagged;
  page.left_out = left_out;
  return page;
}

std::optional<Descriptor> LayoutNames::find(const std::string& tag) const {
  const auto at = tags.find(tag);
  if (at == tags.end()) return std::nullopt;
  return at->second;
}

void check_layout_marker(std::string_view bytes, const std::string& source) {
  const json layout = parse_json(bytes, NameCase::matters);
  const std::string version = text_member(layout, "imageLayoutVersion");
  if (version != "1.0.0") {
    DIGESTFS_LOG(warning, source, " has the unknown layout version \"", version, "\"");
  }
}

std::string layout_path(const Digest& digest) {
  return str_cat("blobs/", digest.algorithm(), "/", digest.encoded());
}

}  // namespace digestfs::registry
