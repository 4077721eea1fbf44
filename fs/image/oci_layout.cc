// SPDX-License-Identifier: Apache-2.0
#include "fs/image/oci_layout.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"
#include "fs/image/image_parts.h"
#include "fs/object/digest_file.h"
#include "fs/static_directory.h"
#include "fs/text_file.h"
#include "registry/image/media_type.h"

namespace digestfs::fs {
namespace {

using registry::Descriptor;

constexpr const char* kLayout = R"({"imageLayoutVersion":"1.0.0"})";
constexpr const char* kRefName = "org.opencontainers.image.ref.name";

nlohmann::ordered_json to_json(const LayoutEntry& entry) {
  nlohmann::ordered_json json;
  json["mediaType"] = entry.descriptor.media_type;
  json["digest"] = entry.descriptor.digest.str();
  json["size"] = entry.descriptor.size.value_or(0);
  if (entry.tag) json["annotations"][kRefName] = *entry.tag;
  return json;
}

/// `blobs/<alg>/`.
class AlgorithmDirectory final : public Directory {
 public:
  AlgorithmDirectory(InodeNumber inode, const ImageContext& context, std::string algorithm,
                     LayoutBlobs blobs)
      : Directory(inode),
        context_(context),
        algorithm_(std::move(algorithm)),
        blobs_(std::move(blobs)) {}

  [[nodiscard]] Attributes attributes() const override { return blobs_.attributes(); }
  [[nodiscard]] std::optional<Entry> lookup(std::string_view name,
                                            const Patience& patience) const override {
    const auto digest = Digest::parse(str_cat(algorithm_, ":", name));
    if (!digest || !(context_.seen.contains(*digest) || blobs_.has(*digest, patience))) {
      return std::nullopt;
    }
    return Entry{std::string(name), context_.digests.file(*digest)};
  }
  [[nodiscard]] Listing list(const Patience& patience) const override {
    std::vector<Entry> entries;
    for (const Digest& digest : blobs_.list(patience)) {
      if (digest.algorithm() != algorithm_) continue;
      entries.push_back({std::string(digest.encoded()), context_.digests.file(digest)});
    }
    return make_listing(std::move(entries));
  }
  [[nodiscard]] Clock::duration absence_valid() const override { return kBriefMemory; }

 private:
  // Constant after construction.
  const ImageContext& context_;
  std::string algorithm_;
  LayoutBlobs blobs_;
};

/// `blobs/`.
class BlobsDirectory final : public Directory {
 public:
  BlobsDirectory(InodeNumber inode, const ImageContext& context, std::string key, LayoutBlobs blobs)
      : Directory(inode), context_(context), key_(std::move(key)), blobs_(std::move(blobs)) {}

  [[nodiscard]] Attributes attributes() const override { return blobs_.attributes(); }
  [[nodiscard]] std::optional<Entry> lookup(std::string_view name,
                                            const Patience& patience) const override {
    // Nearly everything is sha256; for that nobody need be asked.
    if (name != "sha256" && !algorithms(patience).contains(std::string(name))) return std::nullopt;
    return entry(std::string(name));
  }
  [[nodiscard]] Listing list(const Patience& patience) const override {
    std::vector<Entry> entries;
    for (const std::string& algorithm : algorithms(patience)) entries.push_back(entry(algorithm));
    return make_listing(std::move(entries));
  }
  [[nodiscard]] Clock::duration absence_valid() const override { return kBriefMemory; }

 private:
  [[nodiscard]] std::set<std::string> algorithms(const Patience& patience) const {
    std::set<std::string> algorithms{"sha256"};
    for (const Digest& digest : blobs_.list(patience)) algorithms.emplace(digest.algorithm());
    return algorithms;
  }
  [[nodiscard]] Entry entry(const std::string& algorithm) const {
    return {algorithm, context_.nodes.intern<AlgorithmDirectory>(str_cat(key_, "/", algorithm),
                                                                 context_, algorithm, blobs_)};
  }

  // Constant after construction.
  const ImageContext& context_;
  std::string key_;
  LayoutBlobs blobs_;
};

}  // namespace

Attributes LayoutBlobs::attributes() const {
  const std::int64_t now = version();
  return {.type = FileType::directory,
          .modified = from_nanoseconds(now),
          .valid = now == 0 ? Clock::duration(kForever) : Clock::duration::zero()};
}

Descriptor describe(const cache::Content& content, const Digest& digest, const std::string& hint,
                    const Document& document) {
  Descriptor descriptor{.digest = digest, .media_type = hint};
  if (document.manifest && !document.manifest->media_type.empty()) {
    descriptor.media_type = document.manifest->media_type;
  }
  if (descriptor.media_type.empty()) {
    descriptor.media_type =
        document.is_index ? registry::media_type::kOciIndex : registry::media_type::kOciManifest;
  }
  if (const auto size = content.size(digest)) descriptor.size = size->bytes;
  return descriptor;
}

std::string layout_index(const std::vector<LayoutEntry>& entries) {
  auto manifests = nlohmann::ordered_json::array();
  for (const LayoutEntry& entry : entries) manifests.push_back(to_json(entry));
  nlohmann::ordered_json index;
  index["schemaVersion"] = 2;
  index["mediaType"] = registry::media_type::kOciIndex;
  index["manifests"] = std::move(manifests);
  return index.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::vector<Entry> layout_entries(const ImageContext& context, const std::string& key,
                                  const LayoutBlobs& blobs) {
  return {{"oci-layout", context.nodes.intern<TextFile>(key + "/oci-layout", kLayout)},
          {"blobs",
           context.nodes.intern<BlobsDirectory>(key + "/blobs", context, key + "/blobs", blobs)}};
}

const Directory* image_layout(const ImageContext& context, const std::string& path,
                              const Digest& digest, const std::string& hint,
                              const Document& document, const std::optional<std::string>& tag) {
  const std::string key = str_cat(path, "/oci@", digest);
  const auto list = [&context, digest, hint](const Patience& patience) {
    return image_parts(context.images, context.problems, digest, hint, patience);
  };
  const LayoutBlobs blobs{.list = list,
                          .has =
                              [list](const Digest& wanted, const Patience& patience) {
                                return std::ranges::count(list(patience), wanted) > 0;
                              },
                          .version = [] { return std::int64_t{0}; }};
  auto entries = layout_entries(context, key, blobs);
  const std::string text = layout_index({{describe(context.content, digest, hint, document), tag}});
  entries.push_back({"index.json", context.nodes.intern<TextFile>(key + "/index.json", text)});
  return context.nodes.intern<StaticDirectory>(key, std::move(entries));
}

}  // namespace digestfs::fs
