// SPDX-License-Identifier: Apache-2.0
#include "registry/local/oci_layout.h"

#include <optional>
#include <utility>

#include <fcntl.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "registry/local/file_part.h"
#include "registry/local/layout_index.h"

namespace digestfs::registry {
namespace {

LayoutNames read_names(int directory, const std::string& source) {
  // Links are followed in a layout: it is the user's own, and every byte is hashed.
  const auto file = open_regular(directory, "index.json", Links::followed);
  if (!file) throw Error(Errc::corrupt, str_cat("cannot read ", source, ": it has no index.json"));
  try {
    return layout_names(parse_layout_index(read_rest(file->get(), kMaxLayoutFile)));
  } catch (const Error& error) {
    throw Error(Errc::corrupt, str_cat("cannot read index.json of ", source, ": ", error.what()));
  }
}

}  // namespace

OciLayout::OciLayout(const std::filesystem::path& directory)
    : directory_(open_directory("oci:", directory)) {
  const auto marker = open_regular(directory_.fd.get(), "oci-layout", Links::followed);
  if (!marker) {
    throw Error(Errc::not_found, str_cat("cannot open ", name(),
                                         ": it is no OCI image layout, it has no file oci-layout"));
  }
  try {
    check_layout_marker(read_rest(marker->get(), kMaxLayoutFile), name());
  } catch (const Error& error) {
    throw Error(Errc::corrupt, str_cat("cannot open ", name(), ": oci-layout: ", error.what()));
  }
  static_cast<void>(read_names(directory_.fd.get(), name()));
}

TagPage OciLayout::list_tags(const std::optional<std::string>& /*page*/,
                             const Request& /*request*/) {
  return read_names(directory_.fd.get(), name()).page();
}

std::optional<Descriptor> OciLayout::resolve(const std::string& tag, const Request& /*request*/) {
  return read_names(directory_.fd.get(), name()).find(tag);
}

std::optional<std::vector<Descriptor>> OciLayout::list_referrers(const Digest& /*subject*/,
                                                                 const Request& /*request*/) {
  return std::nullopt;  // a layout has no API; what refers to an image it has under tags
}

std::optional<ObjectInfo> OciLayout::find(Endpoint /*endpoint*/, const Digest& digest,
                                          const Request& /*request*/) {
  const auto file = open_regular(directory_.fd.get(), layout_path(digest), Links::followed);
  if (!file) return std::nullopt;
  return ObjectInfo{whole_file(file->get()).size};
}

void OciLayout::fetch(Endpoint /*endpoint*/, const Digest& digest, const Range& range,
                      ObjectSink& sink, const Request& request) {
  const auto file = open_regular(directory_.fd.get(), layout_path(digest), Links::followed);
  if (!file) throw Error(Errc::not_found, str_cat(name(), " has no file ", layout_path(digest)));
  send(whole_file(file->get()), range, sink, request);
}

}  // namespace digestfs::registry
