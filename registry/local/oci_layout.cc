// SPDX-License-Identifier: Apache-2.0
#include "registry/local/oci_layout.h"

#include <cstddef>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "registry/local/file_part.h"
#include "registry/local/layout_index.h"

namespace digestfs::registry {
namespace {

constexpr std::size_t kMaxMarker = std::size_t{4} << 10U;

}  // namespace

std::shared_ptr<const LayoutNames> OciLayout::names() {
  const auto file = folder_.file("index.json");
  if (!file) throw Error(Errc::corrupt, str_cat("cannot read ", name(), ": it has no index.json"));
  try {
    return index_.get(file->get(), [&] {
      return layout_names(parse_layout_index(read_rest(file->get(), kMaxLayoutFile)));
    });
  } catch (const Error& error) {
    throw Error(error.code(), str_cat("cannot read index.json of ", name(), ": ", error.what()));
  }
}

OciLayout::OciLayout(const std::filesystem::path& directory)
    : name_(str_cat("oci:", absolute_path(directory).native())),
      folder_(Folder::open_source(name_, directory)) {
  const auto marker = folder_.file("oci-layout");
  if (!marker) {
    throw Error(Errc::not_found, str_cat("cannot open ", name(),
                                         ": it is no OCI image layout, it has no file oci-layout"));
  }
  try {
    check_layout_marker(read_rest(marker->get(), kMaxMarker), name());
  } catch (const Error& error) {
    throw Error(error.code(), str_cat("cannot open ", name(), ": oci-layout: ", error.what()));
  }
  static_cast<void>(names());
}

TagPage OciLayout::list_tags(const std::optional<std::string>& /*page*/,
                             const Request& /*request*/) {
  return names()->page();
}

std::optional<Descriptor> OciLayout::resolve(const std::string& tag, const Request& /*request*/) {
  return names()->find(tag);
}

std::optional<std::vector<Descriptor>> OciLayout::list_referrers(const Digest& /*subject*/,
                                                                 const Request& /*request*/) {
  return std::nullopt;  // a layout has no API; what refers to an image it has under tags
}

std::optional<ObjectInfo> OciLayout::find(Endpoint /*endpoint*/, const Digest& digest,
                                          const Request& /*request*/) {
  const auto file = folder_.file(layout_path(digest));
  if (!file) return std::nullopt;
  return ObjectInfo{whole_file(file->get()).size};
}

void OciLayout::fetch(Endpoint /*endpoint*/, const Digest& digest, const Range& range,
                      ObjectSink& sink, const Request& request) {
  const auto file = folder_.file(layout_path(digest));
  if (!file) throw Error(Errc::not_found, str_cat(name(), " has no file ", layout_path(digest)));
  send(whole_file(file->get()), range, sink, request);
}

}  // namespace digestfs::registry
