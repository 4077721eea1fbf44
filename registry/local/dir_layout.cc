// SPDX-License-Identifier: Apache-2.0
#include "registry/local/dir_layout.h"

#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "registry/image/manifest.h"
#include "registry/image/media_type.h"
#include "registry/local/file_part.h"

namespace digestfs::registry {
namespace {

constexpr const char* kManifest = "manifest.json";
constexpr std::string_view kVersion = "Directory Transport Version: 1.";
constexpr std::size_t kMaxVersionFile = 4096;

/// Returns the media type of a document that does not state one itself (OCI allows that).
std::string_view usual_type(ManifestKind kind) {
  switch (kind) {
    case ManifestKind::index:
      return media_type::kOciIndex;
    case ManifestKind::image:
    case ManifestKind::artifact:
      return media_type::kOciManifest;
    case ManifestKind::schema1:
      break;
  }
  return media_type::kDockerSchema1;
}

/// Returns what names the document `bytes`.
Descriptor describe(const std::string& bytes, const Digest& digest) {
  const Manifest manifest = parse_manifest(bytes);
  return {.digest = digest,
          .media_type = manifest.media_type.empty() ? std::string(usual_type(manifest.kind))
                                                    : manifest.media_type,
          .size = bytes.size()};
}

}  // namespace

DirLayout::DirLayout(const std::filesystem::path& directory)
    : name_(str_cat("dir:", absolute_path(directory).native())),
      folder_(Folder::open_source(name_, directory)) {
  if (const auto file = folder_.file("version")) {
    const std::string version = read_rest(file->get(), kMaxVersionFile);
    if (!version.starts_with(kVersion)) {
      DIGESTFS_LOG(warning, name(), " has the unknown version \"", version, "\"");
    }
  }
  static_cast<void>(list_tags({}, {}));
}

std::shared_ptr<const DirLayout::OwnManifest> DirLayout::manifest() {
  const auto file = folder_.file(kManifest);
  if (!file) {
    throw Error(Errc::not_found, str_cat("cannot read ", name(), ": it has no file ", kManifest));
  }
  try {
    return manifest_.get(file->get(), [&] {
      std::string bytes = signed_payload(read_rest(file->get(), kMaxManifestBytes));
      Digest digest = digest_of(bytes);
      return OwnManifest{std::move(bytes), std::move(digest)};
    });
  } catch (const Error& error) {
    throw Error(error.code(),
                str_cat("cannot read ", kManifest, " of ", name(), ": ", error.what()));
  }
}

/// Opens a file that is named by its digest.
std::optional<UniqueFd> DirLayout::open_object(const Digest& digest) const {
  // The names keep no algorithm. What an unknown algorithm gives may be any name.
  if (!digest.is_verifiable()) return std::nullopt;
  auto file = folder_.file(str_cat(digest.encoded(), ".", kManifest));
  if (!file) file = folder_.file(std::string(digest.encoded()));
  return file;
}

/// Returns the manifest if `digest` is its digest, or null.
std::shared_ptr<const DirLayout::OwnManifest> DirLayout::find_manifest(const Digest& digest) {
  if (!digest.is_verifiable()) return nullptr;
  auto own = manifest();
  const bool is_usual = digest.algorithm() == own->digest.algorithm();
  const Digest actual = is_usual ? own->digest : digest_of(own->bytes, digest.algorithm());
  return actual == digest ? own : nullptr;
}

TagPage DirLayout::list_tags(const std::optional<std::string>& /*page*/,
                             const Request& /*request*/) {
  const auto own = manifest();
  try {
    TagPage page;
    page.untagged.push_back(describe(own->bytes, own->digest));
    return page;
  } catch (const Error& error) {
    throw Error(error.code(),
                str_cat("cannot read ", kManifest, " of ", name(), ": ", error.what()));
  }
}

std::optional<Descriptor> DirLayout::resolve(const std::string& /*tag*/,
                                             const Request& /*request*/) {
  return std::nullopt;
}

std::optional<std::vector<Descriptor>> DirLayout::list_referrers(const Digest& /*subject*/,
                                                                 const Request& /*request*/) {
  return std::nullopt;
}

std::optional<ObjectInfo> DirLayout::find(Endpoint /*endpoint*/, const Digest& digest,
                                          const Request& /*request*/) {
  if (const auto file = open_object(digest)) return ObjectInfo{whole_file(file->get()).size};
  const auto manifest = find_manifest(digest);
  if (!manifest) return std::nullopt;
  return ObjectInfo{manifest->bytes.size()};
}

void DirLayout::fetch(Endpoint /*endpoint*/, const Digest& digest, const Range& range,
                      ObjectSink& sink, const Request& request) {
  if (const auto file = open_object(digest)) {
    send(whole_file(file->get()), range, sink, request);
    return;
  }
  const auto manifest = find_manifest(digest);
  if (!manifest) throw Error(Errc::not_found, str_cat(name(), " has no file of ", digest));
  send(manifest->bytes, range, sink);
}

}  // namespace digestfs::registry
