// SPDX-License-Identifier: Apache-2.0
#include "fs/image/oci_directory.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/guarded.h"
#include "base/side_by_side.h"
#include "base/text.h"
#include "fs/image/digest_file.h"
#include "fs/image/image_parts.h"
#include "fs/static_directory.h"
#include "fs/text_file.h"
#include "registry/image/media_type.h"

namespace digestfs::fs {
namespace {

using registry::Descriptor;

constexpr const char* kLayout = R"({"imageLayoutVersion":"1.0.0"})";
constexpr const char* kRefName = "org.opencontainers.image.ref.name";

/// The descriptor of an index or manifest that was read.
Descriptor describe(Repository& repository, const Digest& digest, const std::string& hint,
                    const Document& document) {
  Descriptor descriptor{.digest = digest, .media_type = hint};
  if (document.manifest && !document.manifest->media_type.empty()) {
    descriptor.media_type = document.manifest->media_type;
  }
  if (descriptor.media_type.empty()) {
    descriptor.media_type =
        document.is_index ? registry::media_type::kOciIndex : registry::media_type::kOciManifest;
  }
  if (const auto size = repository.content().size(digest)) descriptor.size = size->bytes;
  return descriptor;
}

nlohmann::ordered_json to_json(const Descriptor& descriptor,
                               const std::optional<std::string>& tag) {
  nlohmann::ordered_json json;
  json["mediaType"] = descriptor.media_type;
  json["digest"] = descriptor.digest.str();
  json["size"] = descriptor.size.value_or(0);
  if (tag) json["annotations"][kRefName] = *tag;
  return json;
}

std::string index_text(nlohmann::ordered_json manifests) {
  nlohmann::ordered_json index;
  index["schemaVersion"] = 2;
  index["mediaType"] = registry::media_type::kOciIndex;
  index["manifests"] = std::move(manifests);
  return index.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

/// What `blobs/` of a layout shows.
struct Blobs {
  /// All of them.
  std::function<std::vector<Digest>(const Patience&)> list;
  /// Whether there is one that is not among those.
  std::function<bool(const Digest&, const Patience&)> has;
  /// Moves with each change of the list; 0 for one that never changes.
  std::function<std::int64_t()> version;

  [[nodiscard]] Attributes attributes() const {
    const std::int64_t now = version();
    return {.type = FileType::directory,
            .modified = from_nanoseconds(now),
            .valid = now == 0 ? Clock::duration(kForever) : Clock::duration::zero()};
  }
};

/// `blobs/<alg>/`.
class AlgorithmDirectory final : public Directory {
 public:
  AlgorithmDirectory(InodeNumber inode, Repository& repository, std::string algorithm, Blobs blobs)
      : Directory(inode),
        repository_(repository),
        algorithm_(std::move(algorithm)),
        blobs_(std::move(blobs)) {}

  [[nodiscard]] Attributes attributes() const override { return blobs_.attributes(); }
  [[nodiscard]] std::optional<Entry> lookup(std::string_view name,
                                            const Patience& patience) const override {
    const auto digest = Digest::parse(str_cat(algorithm_, ":", name));
    if (!digest || !(repository_.is_met(*digest) || blobs_.has(*digest, patience))) {
      return std::nullopt;
    }
    return Entry{std::string(name), DigestFile::of(repository_, *digest)};
  }
  [[nodiscard]] Listing list(const Patience& patience) const override {
    std::vector<Entry> entries;
    for (const Digest& digest : blobs_.list(patience)) {
      if (digest.algorithm() != algorithm_) continue;
      entries.push_back({std::string(digest.encoded()), DigestFile::of(repository_, digest)});
    }
    return make_listing(std::move(entries));
  }
  [[nodiscard]] Clock::duration absence_valid() const override { return kBriefMemory; }

 private:
  // Constant after construction.
  Repository& repository_;
  std::string algorithm_;
  Blobs blobs_;
};

/// `blobs/`.
class BlobsDirectory final : public Directory {
 public:
  BlobsDirectory(InodeNumber inode, Repository& repository, std::string key, Blobs blobs)
      : Directory(inode), repository_(repository), key_(std::move(key)), blobs_(std::move(blobs)) {}

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
    return {algorithm, repository_.inodes().intern<AlgorithmDirectory>(
                           str_cat(key_, "/", algorithm), repository_, algorithm, blobs_)};
  }

  // Constant after construction.
  Repository& repository_;
  std::string key_;
  Blobs blobs_;
};

/// A text that is made when it is first opened, and then stays.
class MadeTextFile final : public File {
 public:
  using Make = std::function<std::string(const Patience&)>;

  MadeTextFile(InodeNumber inode, Make make) : File(inode), make_(std::move(make)) {}

  [[nodiscard]] Attributes attributes() const override {
    const auto made = made_.lock();
    Attributes attributes;
    // A placeholder is never 0: tools take an empty file for one not worth reading.
    attributes.size = made->text ? made->text->size() : 1;
    attributes.valid = made->text ? Clock::duration(kForever) : Clock::duration::zero();
    return attributes;
  }
  [[nodiscard]] Opened open(const Patience& patience) const override {
    if (!made_.lock()->text) {
      std::string text = make_(patience);
      const auto made = made_.lock();
      // Where another thread was faster, its text is the one.
      if (!made->text) *made = {std::move(text), Clock::now()};
    }
    return {std::make_unique<OpenText>(*made_.lock()->text)};
  }
  /// When it was made, if it was.
  [[nodiscard]] std::optional<Clock::time_point> made_at() const {
    const auto made = made_.lock();
    return made->text ? std::optional(made->at) : std::nullopt;
  }

 private:
  struct Made {
    std::optional<std::string> text;
    Clock::time_point at{};
  };

  // Constant after construction.
  Make make_;
  // Guarded by the lock it lives in.
  mutable Guarded<Made> made_;
};

/// The entry of a tag in the repository's index.
nlohmann::ordered_json tag_entry(Repository& repository, Descriptor descriptor,
                                 const std::optional<std::string>& tag, const Patience& patience) {
  if (!descriptor.size || descriptor.media_type.empty()) {
    const auto document = repository.document(descriptor.digest, descriptor.media_type, patience);
    descriptor = describe(repository, descriptor.digest, descriptor.media_type, *document);
  }
  return to_json(descriptor, tag);
}

/// The repository's index: all tags, resolved side by side.
std::string repository_index(Repository& repository, const Patience& patience) {
  auto manifests = nlohmann::ordered_json::array();
  SideBySide side_by_side;
  const Selection& selection = repository.selection();
  std::vector<Descriptor> untagged;
  std::set<std::string> tags;
  if (selection.digest) {
    untagged.push_back({.digest = *selection.digest});
  } else if (selection.tag) {
    tags.insert(*selection.tag);
  } else {
    tags = *repository.tags().list(patience).names;
    untagged = repository.tags().untagged();
  }
  for (const std::string& name : tags) {
    side_by_side.run([&] {
      // One that went meanwhile is none.
      if (const auto tag = repository.tags().resolve(name, patience)) {
        manifests.push_back(tag_entry(repository, tag->descriptor, name, patience));
      }
    });
  }
  for (const Descriptor& descriptor : untagged) {
    side_by_side.run([&] { manifests.push_back(tag_entry(repository, descriptor, {}, patience)); });
  }
  side_by_side.wait();
  return index_text(std::move(manifests));
}

/// The repository's `oci/`. Its index is made when it is opened, and made anew, as another file,
/// once the tags in it are no longer believed.
class RepositoryLayout final : public Directory {
 public:
  RepositoryLayout(InodeNumber inode, Repository& repository)
      : Directory(inode), repository_(repository) {}

  [[nodiscard]] Attributes attributes() const override {
    return {.type = FileType::directory,
            .modified = from_nanoseconds(generations_.lock()->count),
            .valid = Clock::duration::zero()};
  }
  [[nodiscard]] std::optional<Entry> lookup(std::string_view name,
                                            const Patience& patience) const override {
    return find_entry(list(patience), name);
  }
  [[nodiscard]] Listing list(const Patience& /*patience*/) const override {
    Inodes& inodes = repository_.inodes();
    const Blobs blobs{
        .list = [&repository = repository_](const Patience&) { return repository.all_met(); },
        .has = [&repository = repository_](
                   const Digest& digest,
                   const Patience& patience) { return repository.has(digest, patience); },
        .version = [&repository = repository_] { return repository.version(); }};
    return make_listing(
        {{"oci-layout", inodes.intern<TextFile>("oci/oci-layout", kLayout)},
         {"index.json", index(), repository_.selection().tag_ttl},
         {"blobs", inodes.intern<BlobsDirectory>("oci/blobs", repository_, "oci/blobs", blobs)}});
  }

 private:
  struct Generations {
    const MadeTextFile* index = nullptr;
    std::int64_t count = 0;
  };

  [[nodiscard]] const Node* index() const {
    const Generations last = *generations_.lock();
    if (last.index != nullptr) {
      const auto made_at = last.index->made_at();
      if (!made_at || Clock::now() < *made_at + repository_.selection().tag_ttl) return last.index;
    }
    const auto make = [&repository = repository_](const Patience& patience) {
      return repository_index(repository, patience);
    };
    const auto* made =
        repository_.inodes().intern<MadeTextFile>(str_cat("oci/index.json#", last.count + 1), make);
    *generations_.lock() = {made, last.count + 1};
    return made;
  }

  // Constant after construction.
  Repository& repository_;
  // Guarded by the lock it lives in.
  mutable Guarded<Generations> generations_;
};

}  // namespace

const Directory* image_layout(Repository& repository, const std::string& path, const Digest& digest,
                              const std::string& hint, const std::optional<std::string>& tag) {
  Inodes& inodes = repository.inodes();
  const std::string key = str_cat(path, "/oci@", digest);
  const auto document = repository.known_document(digest);
  if (!document) throw Error(Errc::unavailable, str_cat("cannot show ", path, "/oci: not read"));
  const std::string text = index_text(
      nlohmann::ordered_json::array({to_json(describe(repository, digest, hint, *document), tag)}));
  const auto list = [&repository, digest, hint](const Patience& patience) {
    return image_parts(repository, digest, hint, patience);
  };
  const Blobs blobs{.list = list,
                    .has =
                        [list](const Digest& wanted, const Patience& patience) {
                          return std::ranges::count(list(patience), wanted) > 0;
                        },
                    .version = [] { return std::int64_t{0}; }};
  return inodes.intern<StaticDirectory>(
      key, std::vector<Entry>{{"oci-layout", inodes.intern<TextFile>(key + "/oci-layout", kLayout)},
                              {"index.json", inodes.intern<TextFile>(key + "/index.json", text)},
                              {"blobs", inodes.intern<BlobsDirectory>(key + "/blobs", repository,
                                                                      key + "/blobs", blobs)}});
}

const Directory* repository_layout(Repository& repository) {
  return repository.inodes().intern<RepositoryLayout>("oci", repository);
}

}  // namespace digestfs::fs
