// SPDX-License-Identifier: Apache-2.0
#include "registry/local/oci_layout.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "registry/image/descriptor_json.h"
#include "registry/image/json.h"
#include "registry/image/reference.h"

namespace digestfs::registry {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxIndex = std::size_t{64} << 20U;
constexpr std::size_t kChunk = std::size_t{256} << 10U;
constexpr std::size_t kMaxLeftOut = 1000;
constexpr const char* kRefName = "org.opencontainers.image.ref.name";

std::string blob_path(const Digest& digest) {
  return str_cat("blobs/", digest.algorithm(), "/", digest.encoded());
}

/// The images that `index.json` lists, with and without a tag.
struct Names {
  std::map<std::string, Descriptor> tags;
  std::vector<Descriptor> untagged;
  std::vector<LeftOut> left_out;
  std::size_t further_left_out = 0;
};

void leave_out(Names& names, std::string name, std::string reason) {
  if (names.left_out.size() < kMaxLeftOut) {
    names.left_out.push_back({std::move(name), std::move(reason)});
    return;
  }
  // The last record counts itself and all for which there is no room.
  ++names.further_left_out;
  names.left_out.back() = {"index.json",
                           str_cat(names.further_left_out + 1, " further entries cannot be used")};
}

/// Returns the tag in `name` if that is a full reference such as `docker.io/library/x:1`.
std::optional<std::string> tag_of_reference(const std::string& name) {
  try {
    return Reference::parse(name).tag;
  } catch (const Error&) {
    return std::nullopt;
  }
}

Names read_names(int directory, const std::string& source) {
  // Links are followed in a layout: it is the user's own, and every byte is hashed.
  const auto file = open_regular(directory, "index.json", Links::followed);
  if (!file) throw Error(Errc::corrupt, str_cat("cannot read ", source, ": it has no index.json"));
  json index;
  try {
    index = parse_json(read_rest(file->get(), kMaxIndex), NameCase::matters);
  } catch (const Error& error) {
    throw Error(Errc::corrupt, str_cat("cannot read index.json of ", source, ": ", error.what()));
  }
  const json* entries = member(index, "manifests");
  if (entries == nullptr || !entries->is_array()) {
    throw Error(Errc::corrupt,
                str_cat("cannot read index.json of ", source, ": it has no \"manifests\""));
  }
  Names names;
  std::vector<std::pair<std::string, Descriptor>> references;
  for (std::size_t i = 0; i < entries->size(); ++i) {
    std::optional<Descriptor> descriptor;
    try {
      descriptor = parse_descriptor((*entries)[i]);
    } catch (const Error& error) {
      leave_out(names, str_cat("index.json entry ", i), error.what());
      continue;
    }
    const auto at = descriptor->annotations.find(kRefName);
    if (at == descriptor->annotations.end()) {
      names.untagged.push_back(*std::move(descriptor));
      continue;
    }
    const std::string name = at->second;
    if (is_tag(name)) {
      const auto [tagged, added] = names.tags.emplace(name, *descriptor);
      if (!added && tagged->second.digest != descriptor->digest) {
        leave_out(names, name,
                  str_cat("an entry before it has the same name; this is the image ",
                          descriptor->digest));
        names.untagged.push_back(*std::move(descriptor));
      }
    } else {
      references.emplace_back(name, *std::move(descriptor));
    }
  }
  // Full references come after plain names, wherever they stand in the list.
  for (auto& [name, descriptor] : references) {
    const auto tag = tag_of_reference(name);
    if (!tag) {
      leave_out(names, name, str_cat("it is no tag; this is the image ", descriptor.digest));
      names.untagged.push_back(std::move(descriptor));
    } else if (const auto at = names.tags.find(*tag); at == names.tags.end()) {
      names.tags.emplace(*tag, std::move(descriptor));
    } else if (at->second.digest != descriptor.digest) {
      leave_out(
          names, name,
          str_cat("another entry has the tag ", *tag, "; this is the image ", descriptor.digest));
      names.untagged.push_back(std::move(descriptor));
    }
  }
  return names;
}

}  // namespace

OciLayout::OciLayout(const std::filesystem::path& directory) {
  auto path = std::filesystem::absolute(directory).lexically_normal();
  // A slash at the end makes no other source.
  if (!path.has_filename()) path = path.parent_path();
  name_ = str_cat("oci:", path.native());
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    const int problem = errno;
    const std::string why = std::generic_category().message(problem);
    throw Error(problem == ENOENT || problem == ENOTDIR ? Errc::not_found : Errc::denied,
                str_cat("cannot open ", name_, ": ", why));
  }
  directory_ = UniqueFd(fd);
  const auto marker = open_regular(fd, "oci-layout", Links::followed);
  if (!marker) {
    throw Error(Errc::not_found, str_cat("cannot open ", name_,
                                         ": it is no OCI image layout, it has no file oci-layout"));
  }
  try {
    const json layout = parse_json(read_rest(marker->get(), kMaxIndex), NameCase::matters);
    const std::string version = text_member(layout, "imageLayoutVersion");
    if (version != "1.0.0") {
      DIGESTFS_LOG(warning, name_, " has the unknown layout version \"", version, "\"");
    }
  } catch (const Error& error) {
    throw Error(Errc::corrupt, str_cat("cannot open ", name_, ": oci-layout: ", error.what()));
  }
  static_cast<void>(read_names(fd, name_));
}

const std::string& OciLayout::name() const { return name_; }

TagPage OciLayout::list_tags(const std::optional<std::string>& /*page*/,
                             const Request& /*request*/) {
  Names names = read_names(directory_.get(), name_);
  TagPage page;
  for (const auto& [tag, descriptor] : names.tags) page.tags.push_back(tag);
  page.untagged = std::move(names.untagged);
  page.left_out = std::move(names.left_out);
  return page;
}

std::optional<Descriptor> OciLayout::resolve(const std::string& tag, const Request& /*request*/) {
  const Names names = read_names(directory_.get(), name_);
  const auto at = names.tags.find(tag);
  if (at == names.tags.end()) return std::nullopt;
  return at->second;
}

std::optional<std::vector<Descriptor>> OciLayout::list_referrers(const Digest& /*subject*/,
                                                                 const Request& /*request*/) {
  return std::nullopt;  // a layout has no API; what refers to an image it has under tags
}

std::optional<ObjectInfo> OciLayout::find(Endpoint /*endpoint*/, const Digest& digest,
                                          const Request& /*request*/) {
  const auto file = open_regular(directory_.get(), blob_path(digest), Links::followed);
  if (!file) return std::nullopt;
  struct stat status {};
  if (::fstat(file->get(), &status) != 0) throw_system_error(str_cat("stat ", digest));
  return ObjectInfo{static_cast<std::uint64_t>(status.st_size)};
}

void OciLayout::fetch(Endpoint /*endpoint*/, const Digest& digest, const Range& range,
                      ObjectSink& sink, const Request& request) {
  const auto file = open_regular(directory_.get(), blob_path(digest), Links::followed);
  if (!file) throw Error(Errc::not_found, str_cat(name_, " has no file ", blob_path(digest)));
  struct stat status {};
  if (::fstat(file->get(), &status) != 0) throw_system_error(str_cat("stat ", digest));
  const auto size = static_cast<std::uint64_t>(status.st_size);
  std::uint64_t at = range.offset <= size ? range.offset : 0;
  const std::uint64_t end = at == range.offset ? range.end.value_or(UINT64_MAX) : UINT64_MAX;
  sink.begin({at, size});
  std::vector<std::byte> buffer(kChunk);
  while (at < end) {
    if (request.stop.stop_requested()) throw Error(Errc::interrupted, "stopped while reading");
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(kChunk, end - at));
    const std::size_t got = read_at(file->get(), std::span(buffer).first(want), at);
    if (got == 0) return;
    sink.write(std::span(buffer).first(got));
    at += got;
  }
}

}  // namespace digestfs::registry
