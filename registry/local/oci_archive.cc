// SPDX-License-Identifier: Apache-2.0
#include "registry/local/oci_archive.h"

#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "registry/image/manifest.h"
#include "registry/local/left_out_list.h"

namespace digestfs::registry {

OciArchive::OciArchive(const std::filesystem::path& file, const std::stop_token& stop)
    : archive_("oci-archive:", file, stop) {
  const auto marker = archive_.index().look_up("oci-layout");
  if (!marker.member) {
    throw Error(Errc::not_found,
                str_cat("cannot open ", name(), ": it holds no OCI image layout: ", marker.reason));
  }
  const auto index = archive_.index().look_up("index.json");
  if (!index.member) {
    throw Error(Errc::corrupt, str_cat("cannot read ", name(), ": ", index.reason));
  }
  try {
    check_layout_marker(archive_.text(*marker.member, kMaxManifestBytes), name());
  } catch (const Error& error) {
    throw Error(error.code(), str_cat("cannot open ", name(), ": oci-layout: ", error.what()));
  }
  try {
    names_ = layout_names(parse_layout_index(archive_.text(*index.member, kMaxManifestBytes)));
  } catch (const Error& error) {
    throw Error(error.code(), str_cat("cannot read index.json of ", name(), ": ", error.what()));
  }
  LeftOutList left_out(name());
  left_out.add_all(names_.left_out);
  left_out.add_all(archive_.index().left_out());
  names_.left_out = left_out.records();
}

TagPage OciArchive::list_tags(const std::optional<std::string>& /*page*/,
                              const Request& /*request*/) {
  return names_.page();
}

std::optional<Descriptor> OciArchive::resolve(const std::string& tag, const Request& /*request*/) {
  return names_.find(tag);
}

std::optional<std::vector<Descriptor>> OciArchive::list_referrers(const Digest& /*subject*/,
                                                                  const Request& /*request*/) {
  return std::nullopt;  // an archive has no API; what refers to an image it has under tags
}

std::optional<ObjectInfo> OciArchive::find(Endpoint /*endpoint*/, const Digest& digest,
                                           const Request& /*request*/) {
  const auto member = archive_.index().find(layout_path(digest));
  if (!member) return std::nullopt;
  return ObjectInfo{member->size};
}

void OciArchive::fetch(Endpoint /*endpoint*/, const Digest& digest, const Range& range,
                       ObjectSink& sink, const Request& request) {
  const auto found = archive_.index().look_up(layout_path(digest));
  if (!found.member) throw Error(Errc::not_found, str_cat(name(), ": ", found.reason));
  send(archive_.part(*found.member), range, sink, request);
}

}  // namespace digestfs::registry
