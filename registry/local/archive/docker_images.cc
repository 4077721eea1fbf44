// SPDX-License-Identifier: Apache-2.0
#include "registry/local/archive/docker_images.h"

#include <map>
#include <unordered_set>
#include <utility>

#include "base/byte_counter.h"
#include "base/error.h"
#include "base/text.h"
#include "registry/image/config.h"
#include "registry/image/manifest.h"
#include "registry/image/media_type.h"
#include "registry/image/reference.h"
#include "registry/local/archive/docker_manifest.h"
#include "registry/local/archive/inflation.h"
#include "registry/local/layout_index.h"
#include "registry/local/left_out_list.h"

namespace digestfs::registry {
namespace {

constexpr int kMaxLevels = 8;
constexpr std::size_t kMaxImageName = 512;
constexpr const char* kManifest = "manifest.json";
/// Docker and containerd write the full name of an image here, in the `index.json` of a layout.
constexpr const char* kImageName = "io.containerd.image.name";

/// Reads one archive. Whatever several images share is read once, however often a hostile
/// `manifest.json` names it.
class Reader {
 public:
  Reader(const ArchiveFile& archive, const std::stop_token& stop)
      : archive_(archive),
        stop_(stop),
        left_out_(archive.name()),
        budget_(InflationBudget::for_compressed(archive.size())) {}

  DockerImages read();

 private:
  /// Which file of the archive gives an image its name.
  enum class NamedBy { layout, manifest };
  /// A layer's file as an object, or why it cannot be used.
  struct ReadLayer {
    DockerObject object;
    std::optional<Error> defect;
  };
  /// What a config's file says, or why it cannot be used.
  struct ReadConfig {
    std::optional<Descriptor> descriptor;
    std::vector<Digest> diff_ids;
    std::string defect;
  };

  [[nodiscard]] TarIndex::Member member(const std::string& name) const;
  void read_layout();
  void read_entry(const Descriptor& entry);
  bool read_document(const Descriptor& descriptor, int levels);
  [[nodiscard]] std::optional<Manifest> kept_manifest(const Descriptor& descriptor);
  [[nodiscard]] bool hashes_to(const TarIndex::Member& member, const Digest& digest);
  void read_image(const SavedImage& image);
  [[nodiscard]] Descriptor make_image(const SavedImage& image);
  [[nodiscard]] const ReadConfig& config(const TarIndex::Member& member);
  [[nodiscard]] const DockerObject& layer(const TarIndex::Member& member);
  void add_name(const std::string& name, const Descriptor& image, NamedBy by);
  void add_image(const Descriptor& image);

  const ArchiveFile& archive_;
  const std::stop_token& stop_;
  LeftOutList left_out_;
  DockerImages images_;
  std::unordered_set<Digest> added_;
  /// The indexes and manifests that were looked for, and whether the archive keeps them.
  std::unordered_map<Digest, bool> documents_;
  /// The names that the layout gives, in full.
  std::unordered_set<std::string> layout_names_;
  /// The manifests that the archive keeps, by the digests of their configs.
  std::unordered_map<Digest, Descriptor> kept_;
  // By where the files begin in the archive.
  std::unordered_map<std::uint64_t, ReadConfig> configs_;
  std::unordered_map<std::uint64_t, ReadLayer> layers_;
  /// The digests of documents, by the algorithm and where they begin.
  std::map<std::pair<std::string, std::uint64_t>, Digest> digests_;
  /// For all compressed layers together.
  InflationBudget budget_;
};

TarIndex::Member Reader::member(const std::string& name) const {
  const auto found = archive_.index().look_up(name);
  if (!found.member) throw Error(Errc::corrupt, found.reason);
  return *found.member;
}

DockerImages Reader::read() {
  const auto found = archive_.index().look_up(kManifest);
  if (!found.member) {
    throw Error(Errc::not_found, str_cat("cannot open ", archive_.name(),
                                         ": docker save did not write it: ", found.reason));
  }
  DockerManifest manifest;
  try {
    manifest = parse_docker_manifest(archive_.text(*found.member, kMaxDockerManifest));
  } catch (const Error& error) {
    throw Error(error.code(),
                str_cat("cannot read ", kManifest, " of ", archive_.name(), ": ", error.what()));
  }
  left_out_.add_all(archive_.index().left_out());
  left_out_.add_all(manifest.left_out);
  read_layout();
  for (const SavedImage& image : manifest.images) {
    if (stop_.stop_requested()) throw Error(Errc::interrupted, "stopped while reading the images");
    try {
      read_image(image);
    } catch (const Error& error) {
      if (error.code() == Errc::interrupted) throw;
      const std::string& name = image.names.empty() ? image.config : image.names.front();
      left_out_.add(shortened(name, kMaxImageName), error.what());
    }
  }
  images_.left_out = left_out_.records();
  return std::move(images_);
}

/// Reads the OCI layout that newer archives have besides.
void Reader::read_layout() {
  const auto index = archive_.index().find("index.json");
  if (!index) return;
  try {
    const LayoutIndex layout = parse_layout_index(archive_.text(*index, kMaxManifestBytes));
    left_out_.add_all(layout.left_out);
    for (const Descriptor& entry : layout.entries) read_entry(entry);
  } catch (const Error& error) {
    if (error.code() == Errc::interrupted) throw;
    // manifest.json says the same of the images.
    left_out_.add("index.json", error.what());
  }
}

/// Takes an image of the layout, if the archive has it: a layout may name what is elsewhere.
void Reader::read_entry(const Descriptor& entry) {
  if (!read_document(entry, kMaxLevels)) return;
  add_image(entry);
  if (const auto name = entry.annotations.find(kImageName); name != entry.annotations.end()) {
    add_name(name->second, entry, NamedBy::layout);
  }
}

/// Records which images an index or manifest of the layout has, and those of the indexes in it, so
/// many levels deep. Returns false if the archive does not keep it.
bool Reader::read_document(const Descriptor& descriptor, int levels) {
  const auto [at, added] = documents_.try_emplace(descriptor.digest, false);
  bool& is_kept = at->second;
  if (!added) return is_kept;
  const auto manifest = kept_manifest(descriptor);
  if (!manifest) return false;
  is_kept = true;
  if (manifest->config) kept_.try_emplace(manifest->config->digest, descriptor);
  if (levels == 0) return true;
  for (const Descriptor& part : manifest->manifests) {
    static_cast<void>(read_document(part, levels - 1));
  }
  return true;
}

/// Returns the manifest or index if the archive has it and it is right. Otherwise the image gets
/// one that is made.
std::optional<Manifest> Reader::kept_manifest(const Descriptor& descriptor) {
  const auto member = archive_.index().find(layout_path(descriptor.digest));
  if (!member || !descriptor.digest.is_verifiable()) return std::nullopt;
  try {
    if (!hashes_to(*member, descriptor.digest)) return std::nullopt;
    return parse_manifest(archive_.text(*member, kMaxManifestBytes), descriptor.media_type);
  } catch (const Error& error) {
    if (error.code() == Errc::interrupted) throw;
    return std::nullopt;
  }
}

/// Returns true if the document has this digest. Links may give one document any number of names.
bool Reader::hashes_to(const TarIndex::Member& member, const Digest& digest) {
  const std::pair key(std::string(digest.algorithm()), member.offset);
  auto known = digests_.find(key);
  if (known == digests_.end()) {
    if (stop_.stop_requested()) throw Error(Errc::interrupted, "stopped while reading the archive");
    Digest actual = digest_of(archive_.text(member, kMaxManifestBytes), digest.algorithm());
    known = digests_.emplace(key, std::move(actual)).first;
  }
  return known->second == digest;
}

void Reader::read_image(const SavedImage& image) {
  const Descriptor descriptor = make_image(image);
  add_image(descriptor);
  for (const std::string& name : image.names) add_name(name, descriptor, NamedBy::manifest);
}

/// Returns the manifest of an image: the one that the archive keeps, or one that is made.
Descriptor Reader::make_image(const SavedImage& image) {
  const ReadConfig& read = config(member(image.config));
  if (!read.descriptor) throw Error(Errc::corrupt, str_cat(image.config, ": ", read.defect));
  if (const auto kept = kept_.find(read.descriptor->digest); kept != kept_.end()) {
    return kept->second;
  }
  if (read.diff_ids.size() != image.layers.size()) {
    throw Error(Errc::corrupt, str_cat("it has ", image.layers.size(), " layers, and its config ",
                                       image.config, " has ", read.diff_ids.size()));
  }
  std::vector<MadeLayer> layers;
  for (std::size_t i = 0; i < image.layers.size(); ++i) {
    // A layer that an image has twice is one object, whichever file of the two is right.
    const auto [at, added] = images_.objects.try_emplace(read.diff_ids[i]);
    if (added) {
      try {
        at->second = layer(member(image.layers[i]));
      } catch (const Error&) {
        images_.objects.erase(at);
        throw;
      }
    }
    layers.push_back({.diff_id = read.diff_ids[i], .size = at->second.size});
  }
  std::string bytes = make_docker_manifest(*read.descriptor, layers);
  Descriptor made{.digest = digest_of(bytes),
                  .media_type = std::string(media_type::kDockerManifest),
                  .size = bytes.size()};
  DockerObject& object = images_.objects[made.digest];
  object.size = bytes.size();
  object.made = std::move(bytes);
  return made;
}

const Reader::ReadConfig& Reader::config(const TarIndex::Member& member) {
  const auto [at, added] = configs_.try_emplace(member.offset);
  ReadConfig& read = at->second;
  if (!added) return read;
  try {
    const std::string bytes = archive_.text(member, kMaxConfigBytes);
    const ImageConfig parsed = parse_config(bytes);
    for (const auto& diff_id : parsed.diff_ids) {
      if (!diff_id) throw Error(Errc::corrupt, "one of its diff_ids is no digest");
      read.diff_ids.push_back(*diff_id);
    }
    const Digest digest = digest_of(bytes);
    read.descriptor = {.digest = digest, .media_type = {}, .size = bytes.size()};
    DockerObject& object = images_.objects[digest];
    object.member = member;
    object.size = bytes.size();
  } catch (const Error& error) {
    read.defect = error.what();
  }
  return read;
}

/// Returns a layer's file as the object that its diff_id names.
const DockerObject& Reader::layer(const TarIndex::Member& member) {
  const auto [at, added] = layers_.try_emplace(member.offset);
  ReadLayer& read = at->second;
  if (added) {
    read.object.member = member;
    read.object.size = member.size;
    try {
      const FilePart part = archive_.part(member);
      read.object.compression = compression_of(part);
      if (read.object.compression != archive::Compression::none) {
        ByteCounter counter;
        inflate(part, read.object.compression, counter, budget_, stop_);
        read.object.size = counter.count();
      }
    } catch (const Error& error) {
      if (error.code() == Errc::interrupted) throw;
      read.defect = error;
    }
  }
  if (read.defect) throw *read.defect;
  return read.object;
}

void Reader::add_name(const std::string& name, const Descriptor& image, NamedBy by) {
  if (name.size() > kMaxImageName) {
    left_out_.add(shortened(name, kMaxImageName), "it is longer than a name can be");
    return;
  }
  try {
    const Reference reference = Reference::parse(name);
    if (!reference.tag || reference.digest) {
      throw Error(Errc::corrupt, "a repository and a tag make a name");
    }
    const std::string repository = reference.repository();
    const std::string full = str_cat(repository, ":", *reference.tag);
    // The layout may give the name to an index, of which manifest.json lists the images.
    if (by == NamedBy::layout) {
      layout_names_.insert(full);
    } else if (layout_names_.contains(full)) {
      return;
    }
    auto& tags = images_.repositories[repository];
    const auto [at, added] = tags.try_emplace(*reference.tag, image);
    if (!added && at->second.digest != image.digest) {
      throw Error(Errc::corrupt, "an image before it has the same name");
    }
  } catch (const Error& error) {
    left_out_.add(name, str_cat(error.what(), "; this is the image ", image.digest));
  }
}

void Reader::add_image(const Descriptor& image) {
  if (added_.insert(image.digest).second) images_.images.push_back(image);
}

}  // namespace

DockerImages read_docker_images(const ArchiveFile& archive, const std::stop_token& stop) {
  return Reader(archive, stop).read();
}

}  // namespace digestfs::registry
