// SPDX-License-Identifier: Apache-2.0
#include "registry/local/oci_layout.h"

#include <chrono>
#include <cstddef>
#include <ctime>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "registry/local/confined.h"
#include "registry/local/file_part.h"
#include "registry/local/layout_index.h"

namespace digestfs::registry {
namespace {

constexpr std::size_t kMaxMarker = std::size_t{4} << 10U;
// How long a file has to have stayed as it is before its fingerprint tells one state from the next:
// the clock of a file system may stand still for some milliseconds.
constexpr std::chrono::seconds kSettled{1};

bool is_settled(const Fingerprint& fingerprint) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return std::chrono::nanoseconds(to_nanoseconds(now) - fingerprint.changed_ns) > kSettled;
}

}  // namespace

std::shared_ptr<const LayoutNames> OciLayout::names() const {
  const auto file = open_local(directory_.fd.get(), "index.json");
  if (!file) throw Error(Errc::corrupt, str_cat("cannot read ", name(), ": it has no index.json"));
  const Fingerprint before = Fingerprint::of(file->get());
  {
    const auto read = read_.lock();
    if (*read && (*read)->fingerprint == before) return (*read)->names;
  }
  try {
    auto names = std::make_shared<const LayoutNames>(
        layout_names(parse_layout_index(read_rest(file->get(), kMaxLayoutFile))));
    if (Fingerprint::of(file->get()) == before && is_settled(before)) {
      *read_.lock() = Read{before, names};
    }
    return names;
  } catch (const Error& error) {
    throw Error(error.code(), str_cat("cannot read index.json of ", name(), ": ", error.what()));
  }
}

OciLayout::OciLayout(const std::filesystem::path& directory)
    : directory_(open_directory("oci:", directory)) {
  const auto marker = open_local(directory_.fd.get(), "oci-layout");
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
  const auto file = open_local(directory_.fd.get(), layout_path(digest));
  if (!file) return std::nullopt;
  return ObjectInfo{whole_file(file->get()).size};
}

void OciLayout::fetch(Endpoint /*endpoint*/, const Digest& digest, const Range& range,
                      ObjectSink& sink, const Request& request) {
  const auto file = open_local(directory_.fd.get(), layout_path(digest));
  if (!file) throw Error(Errc::not_found, str_cat(name(), " has no file ", layout_path(digest)));
  send(whole_file(file->get()), range, sink, request);
}

}  // namespace digestfs::registry
