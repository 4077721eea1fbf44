// SPDX-License-Identifier: Apache-2.0
#include "tools/companions/check/checker.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"
#include "registry/image/json.h"
#include "registry/image/media_type.h"
#include "tools/companions/check/journal.h"
#include "tools/companions/common/words.h"
#include "tools/companions/mount/files.h"

namespace digestfs::companions {
namespace {

namespace fs = std::filesystem;

constexpr int kMostIndexes = 4;  // inside each other

/// Returns true if an error says something about the image, and not about whether it can be had.
bool is_verdict(Errc code) {
  return code == Errc::corrupt || code == Errc::not_found || code == Errc::too_large ||
         code == Errc::unsupported;
}

/// Calls `work`, and turns what it throws into a finding about `object`.
template <class Work>
void attempt(Verdict& verdict, const std::string& object, const Work& work) {
  try {
    work();
  } catch (const Error& error) {
    verdict.add(object, error.what());
    if (!is_verdict(error.code())) verdict.soundness = Soundness::failed;
  }
}

bool is_same_platform(const registry::Platform& stated, const registry::Platform& real) {
  const auto a = registry::normalised(stated);
  const auto b = registry::normalised(real);
  return a.os == b.os && a.architecture == b.architecture &&
         (a.variant.empty() || b.variant.empty() || a.variant == b.variant) &&
         (a.os_version.empty() || b.os_version.empty() || a.os_version == b.os_version);
}

/// Returns every digest of which a recorded problem speaks against the image.
std::set<std::string> objects_of(const Image& image) {
  std::set<std::string> objects = {image.directory.digest.str()};
  if (const auto id = image.id()) objects.insert(id->str());
  for (const Layer& layer : image.layers) {
    for (const auto& digest : {layer.blob, layer.diff}) {
      if (digest) objects.insert(digest->str());
    }
  }
  return objects;
}

}  // namespace

std::string_view to_string(Soundness soundness) noexcept {
  switch (soundness) {
    case Soundness::sound:
      return "sound";
    case Soundness::unsound:
      return "unsound";
    case Soundness::failed:
      return "failed";
  }
  return {};
}

void Verdict::add(const std::string& object, const std::string& detail) {
  findings.push_back({object, detail});
  if (soundness == Soundness::sound) soundness = Soundness::unsound;
}

Checker::Checker(Requirements requirements, Depth depth, Progress& progress)
    : requirements_(std::move(requirements)), depth_(depth), progress_(progress) {}

std::vector<Verdict> Checker::check(const std::string& path) {
  std::vector<Verdict> verdicts;
  check_document(path, nullptr, 0, verdicts);
  if (!requirements_.platforms.empty() && verdicts[0].soundness != Soundness::failed) {
    check_platforms(verdicts, verdicts[0]);
  }
  progress_.clear();
  return verdicts;
}

/// Appends the verdict of what is at `path`, and those of the images in it.
void Checker::check_document(const fs::path& path, const registry::Descriptor* entry, int depth,
                             std::vector<Verdict>& verdicts) {
  Verdict verdict{.path = path.native()};
  std::vector<Verdict> inner;
  try {
    const ImageDirectory directory = find_image(path);
    verdict.digest = directory.digest;
    verdict.is_index = directory.is_index;
    const auto size = check_object(path / "manifest.json", directory.digest, verdict);
    if (size && entry != nullptr && entry->size && *entry->size != *size) {
      verdict.add(directory.digest.str(), str_cat("the index says that it has ", *entry->size,
                                                  " bytes, but it has ", *size));
    }
    attempt(verdict, directory.digest.str(), [&] {
      if (directory.is_index) {
        check_index(directory, depth, verdict, inner);
      } else {
        check_image(directory, entry, verdict);
      }
    });
  } catch (const Error& error) {
    verdict.add(path.native(), error.what());
    // A path that is no image, and one that cannot be reached, is neither sound nor unsound; but
    // an index must lead to images.
    const bool is_unsound = error.code() == Errc::corrupt || error.code() == Errc::too_large ||
                            (depth > 0 && is_verdict(error.code()));
    if (!is_unsound) verdict.soundness = Soundness::failed;
  }
  verdicts.push_back(std::move(verdict));
  std::ranges::move(inner, std::back_inserter(verdicts));
}

void Checker::check_index(const ImageDirectory& directory, int depth, Verdict& verdict,
                          std::vector<Verdict>& inner) {
  const Index index = read_index(directory);
  for (const std::string& problem : index.manifest.problems) {
    verdict.add(directory.digest.str(), problem);
  }
  if (depth == kMostIndexes) {
    verdict.add(directory.digest.str(), "its indexes are nested too deep");
    return;
  }
  for (const std::string& name : index.platforms) {
    const fs::path path = directory.path / "platforms" / name;
    const auto digest = linked_digest(directory.path / "platforms", name);
    const auto target = link_target(path);
    const auto entry = std::ranges::find_if(
        index.manifest.manifests,
        [&](const registry::Descriptor& descriptor) { return digest == descriptor.digest; });
    if (target && fs::path(*target).parent_path().filename() == "blobs") {
      if (digest) static_cast<void>(check_object(path, *digest, verdict));
      continue;
    }
    check_document(path, entry == index.manifest.manifests.end() ? nullptr : &*entry, depth + 1,
                   inner);
  }
  attempt(verdict, directory.digest.str(),
          [&] { check_journal(directory.repository, {directory.digest.str()}, verdict); });
}

void Checker::check_image(const ImageDirectory& directory, const registry::Descriptor* entry,
                          Verdict& verdict) {
  const Image image = read_image(directory);
  const std::string digest = directory.digest.str();
  verdict.platform = image.platform();
  verdict.layers = image.layers.size();
  for (const std::string& problem : image.manifest.problems) verdict.add(digest, problem);
  if (const auto id = image.id(); id && status_of(directory.path / "config.json")) {
    const auto size = check_object(directory.path / "config.json", *id, verdict);
    const auto stated = image.manifest.config->size;
    if (size && stated && *size != *stated) {
      verdict.add(id->str(),
                  str_cat("the manifest says that it has ", *stated, " bytes, but it has ", *size));
    }
  }
  if (image.config) {
    for (const std::string& problem : image.config->problems) {
      verdict.add(image.id()->str(), problem);
    }
    if (image.config->diff_ids.size() != image.manifest.layers.size()) {
      verdict.add(digest,
                  str_cat("it has ", counted(image.manifest.layers.size(), "layer"),
                          ", but its config ", counted(image.config->diff_ids.size(), "diff_id")));
    }
    if (entry != nullptr && entry->platform &&
        !is_same_platform(*entry->platform, image.config->platform)) {
      verdict.add(digest, str_cat("the index says that it is for ", platform_text(*entry->platform),
                                  ", but its config says ", verdict.platform));
    }
    check_labels(image, verdict);
  }
  for (const Layer& layer : image.layers) {
    progress_.show(
        str_cat(directory.path.native(), ": layer ", layer.name, " of ", image.layers.size()));
    check_layer(image, layer, verdict);
  }
  check_journal(directory.repository, objects_of(image), verdict);
}

void Checker::check_layer(const Image& image, const Layer& layer, Verdict& verdict) {
  const fs::path folder = image.directory.path / "layers" / layer.name;
  if (!layer.blob) {
    verdict.add("layers/" + layer.name, "the manifest does not say which blob it is");
    return;
  }
  const bool has_diff = image.config && !registry::is_encrypted(layer.media_type);
  if (has_diff && !layer.diff) verdict.add(layer.blob->str(), "no diff_id belongs to it");
  if (depth_ == Depth::shallow) return;
  const auto size = check_object(folder / "blob", *layer.blob, verdict);
  if (size && layer.size && *size != *layer.size) {
    verdict.add(layer.blob->str(), str_cat("the manifest says that it has ", *layer.size,
                                           " bytes, but it has ", *size));
  }
  if (layer.diff) static_cast<void>(check_object(folder / "diff", *layer.diff, verdict));
}

void Checker::check_labels(const Image& image, Verdict& verdict) const {
  if (requirements_.labels.empty()) return;
  const auto document = registry::parse_json(image.config_text, registry::NameCase::matters);
  const auto* const config = registry::member(document, "config");
  const auto* const labels = config == nullptr ? nullptr : registry::member(*config, "Labels");
  for (const std::string& wanted : requirements_.labels) {
    const std::size_t sign = wanted.find('=');
    const std::string key = wanted.substr(0, sign);
    const bool has_key = labels != nullptr && registry::member(*labels, key) != nullptr;
    if (!has_key) {
      verdict.add(image.id()->str(), str_cat("it has no label ", key));
      continue;
    }
    const std::string value = registry::text_member(*labels, key);
    if (sign != std::string::npos && value != wanted.substr(sign + 1)) {
      verdict.add(image.id()->str(), str_cat("its label ", key, " is ", value));
    }
  }
}

/// Checks that each platform that is required is that of an image in `verdicts`.
void Checker::check_platforms(const std::vector<Verdict>& verdicts, Verdict& verdict) const {
  std::vector<registry::Platform> offered;
  std::string names;
  for (const Verdict& image : verdicts) {
    if (image.platform.empty()) continue;
    try {
      offered.push_back(registry::parse_platform(image.platform));
    } catch (const Error&) {
      continue;  // What a config says may be anything.
    }
    names += str_cat(names.empty() ? "" : ", ", image.platform);
  }
  for (const registry::Platform& wanted : requirements_.platforms) {
    const bool is_there = std::ranges::any_of(offered, [&](const registry::Platform& platform) {
      return is_same_platform(wanted, platform);
    });
    if (is_there) continue;
    verdict.add(verdict.path, str_cat("there is no image for ", platform_text(wanted),
                                      names.empty() ? "" : ", only for ", names));
  }
}

/// Reads the whole object, and returns its size. Returns nothing if it could not be read.
std::optional<std::uint64_t> Checker::check_object(const fs::path& path, const Digest& digest,
                                                   Verdict& verdict) {
  // One copy of an object is behind all names of the repository.
  const std::string key = real_path(path).value_or(path).native();
  const auto known = read_.find(key);
  if (known != read_.end()) {
    if (!known->second.problem.empty()) {
      verdict.add(digest.str(), known->second.problem);
      return std::nullopt;
    }
    return known->second.size;
  }
  std::optional<std::uint64_t> size;
  attempt(verdict, digest.str(), [&] {
    Read read;
    try {
      Hasher hasher(digest.algorithm());
      const std::string total = size_text(size_of(path));
      std::uint64_t done = 0;
      read.size = read_pieces(path, [&](std::span<const std::byte> piece) {
        hasher.update(piece);
        done += piece.size();
        progress_.show(str_cat(digest_text(digest, Digests::brief), ": ", size_text(done), " of ",
                               total, " read"));
      });
      const Digest actual = hasher.finish();
      if (actual != digest) read.problem = str_cat("its bytes hash to ", actual);
    } catch (const Error& error) {
      if (is_verdict(error.code())) {
        read_[key] = {.problem = error.what()};
      }
      throw;
    }
    read_[key] = read;
    ++verdict.objects;
    verdict.bytes += read.size;
    size = read.size;
    if (!read.problem.empty()) verdict.add(digest.str(), read.problem);
  });
  return size;
}

void Checker::check_journal(const fs::path& repository, const std::set<std::string>& objects,
                            Verdict& verdict) {
  for (const RecordedProblem& problem : problems_about(objects, read_journal(repository))) {
    verdict.add(problem.object,
                str_cat("the mount has recorded: ", problem.kind, ": ", problem.detail));
  }
}

}  // namespace digestfs::companions
