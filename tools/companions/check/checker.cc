// SPDX-License-Identifier: Apache-2.0
#include "tools/companions/check/checker.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <span>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"
#include "registry/image/json.h"
#include "registry/image/media_type.h"
#include "registry/image/referrers.h"
#include "tools/companions/check/journal.h"
#include "tools/companions/check/uncompressed.h"
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

bool is_same_version(const registry::Platform& a, const registry::Platform& b) {
  return a.os_version.empty() || b.os_version.empty() || a.os_version == b.os_version;
}

/// Returns true if an index may say `stated` of an image with the platform `real`: either may leave
/// the variant out.
bool may_state(const registry::Platform& stated, const registry::Platform& real) {
  const auto a = registry::normalised(stated);
  const auto b = registry::normalised(real);
  return a.os == b.os && a.architecture == b.architecture &&
         (a.variant.empty() || b.variant.empty() || a.variant == b.variant) &&
         is_same_version(a, b);
}

/// Returns true if an image for `offered` is one for `wanted`, which names the variant only if that
/// matters.
bool suits(const registry::Platform& wanted, const registry::Platform& offered) {
  const auto a = registry::normalised(wanted);
  const auto b = registry::normalised(offered);
  return a.os == b.os && a.architecture == b.architecture &&
         (a.variant.empty() || a.variant == b.variant) && is_same_version(a, b);
}

/// Returns true if an entry of an index states a platform by which images are found.
bool has_platform(const registry::Descriptor& entry) {
  return entry.platform && !registry::directory_name(*entry.platform).empty();
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
  soundness = Soundness::unsound;
}

void Verdict::fail(const std::string& object, const std::string& detail) {
  findings.push_back({object, detail});
  if (soundness == Soundness::sound) soundness = Soundness::failed;
}

Checker::Checker(Requirements requirements, Depth depth, Progress& progress)
    : requirements_(std::move(requirements)), depth_(depth), progress_(progress) {}

std::vector<Verdict> Checker::check(const std::string& path) {
  std::vector<Verdict> verdicts;
  mount_.reset();
  check_document({path, path}, {}, 0, verdicts);
  if (!requirements_.platforms.empty() && verdicts[0].soundness != Soundness::failed) {
    check_platforms(verdicts, verdicts[0]);
  }
  progress_.clear();
  return verdicts;
}

/// Adds an error about `object` as what it is: something that is wrong with the image, or a reason
/// why nobody knows.
void Checker::note(Verdict& verdict, const std::string& object, const Error& error) const {
  const bool is_gone = error.code() == Errc::not_found && mount_ && mount_->has_ended();
  if (is_verdict(error.code()) && !is_gone) {
    verdict.add(object, error.what());
  } else {
    verdict.fail(object, error.what());
  }
}

/// Calls `work`, and turns what it throws into a finding about `object`.
template <class Work>
void Checker::attempt(Verdict& verdict, const std::string& object, const Work& work) const {
  try {
    work();
  } catch (const Error& error) {
    note(verdict, object, error);
  }
}

/// Appends the verdict of what is at `location`, and those of the images in it.
void Checker::check_document(const Location& location, const Entries& entries, int depth,
                             std::vector<Verdict>& verdicts) {
  Verdict verdict{.path = location.shown.native()};
  std::vector<Verdict> inner;
  try {
    ImageDirectory directory = find_image(location.place);
    if (depth == 0) mount_.emplace(directory.repository);
    // From here on it is one image, also where the tag comes to name another.
    directory = by_digest(std::move(directory));
    directory.path = location.shown;
    verdict.digest = directory.digest;
    verdict.is_index = directory.is_index;
    const std::string digest = directory.digest.str();
    const Read* const read =
        check_object(directory.place / "manifest.json", directory.digest, verdict);
    for (const registry::Descriptor& entry : entries) {
      if (read != nullptr && entry.size && *entry.size != *read->size) {
        verdict.add(digest, str_cat("the index says that it has ", *entry.size,
                                    " bytes, but it has ", *read->size));
      }
    }
    attempt(verdict, digest, [&] {
      if (directory.is_index) {
        check_index(directory, depth, verdict, inner);
      } else {
        check_image(directory, entries, verdict);
      }
    });
  } catch (const Error& error) {
    // A path that is no image, and one that cannot be reached, is neither sound nor unsound; but
    // an index must lead to images.
    const bool says_nothing =
        depth == 0 && (error.code() == Errc::not_found || error.code() == Errc::unsupported);
    if (says_nothing) {
      verdict.fail(verdict.path, error.what());
    } else {
      note(verdict, verdict.path, error);
    }
  }
  // Files that need not be there are not missed.
  if (mount_ && mount_->has_ended()) verdict.fail(verdict.path, "its mount has ended meanwhile");
  verdicts.push_back(std::move(verdict));
  std::ranges::move(inner, std::back_inserter(verdicts));
}

void Checker::check_index(const ImageDirectory& directory, int depth, Verdict& verdict,
                          std::vector<Verdict>& inner) {
  const Index index = read_index(directory);
  for (const std::string& problem : index.manifest.problems) {
    verdict.add(directory.digest.str(), problem);
  }
  verdict.attestations = static_cast<std::size_t>(
      std::ranges::count_if(index.manifest.manifests, registry::is_attestation));
  if (depth == kMostIndexes) {
    verdict.add(directory.digest.str(), "its indexes are nested too deep");
    return;
  }
  const fs::path platforms = directory.place / "platforms";
  for (const std::string& name : index.platforms) {
    const auto digest = linked_digest(platforms, name);
    const auto target = link_target(platforms / name);
    if (target && fs::path(*target).parent_path().filename() == "blobs") {
      if (digest) static_cast<void>(check_object(platforms / name, *digest, verdict));
      continue;
    }
    // An index may list a manifest under several platforms, of which it has one at most.
    Entries entries;
    std::ranges::copy_if(index.manifest.manifests, std::back_inserter(entries),
                         [&](const registry::Descriptor& entry) {
                           return digest == entry.digest && !registry::is_attestation(entry);
                         });
    check_document({directory.path / "platforms" / name, platforms / name}, entries, depth + 1,
                   inner);
  }
  attempt(verdict, directory.digest.str(),
          [&] { check_journal(directory.repository, {directory.digest.str()}, verdict); });
}

void Checker::check_image(const ImageDirectory& directory, const Entries& entries,
                          Verdict& verdict) {
  const Image image = read_image(directory);
  const std::string digest = directory.digest.str();
  verdict.platform = image.platform();
  verdict.layers = image.layers.size();
  for (const std::string& problem : image.manifest.problems) verdict.add(digest, problem);
  if (const auto id = image.id(); id && status_of(directory.place / "config.json")) {
    const Read* const read = check_object(directory.place / "config.json", *id, verdict);
    const auto stated = image.manifest.config->size;
    if (read != nullptr && stated && *read->size != *stated) {
      verdict.add(id->str(), str_cat("the manifest says that it has ", *stated,
                                     " bytes, but it has ", *read->size));
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
    for (const registry::Descriptor& entry : entries) {
      if (has_platform(entry) && !may_state(*entry.platform, image.config->platform)) {
        verdict.add(digest,
                    str_cat("the index says that it is for ", platform_text(*entry.platform),
                            ", but its config says ", verdict.platform));
      }
    }
  }
  check_labels(image, verdict);
  for (std::size_t i = 0; i < image.layers.size(); ++i) {
    progress_.show(str_cat(directory.path.native(), ": layer ", image.layers[i].name, " of ",
                           image.layers.size()));
    check_layer(image, i, verdict);
  }
  check_journal(directory.repository, objects_of(image), verdict);
}

void Checker::check_layer(const Image& image, std::size_t number, Verdict& verdict) {
  const Layer& layer = image.layers[number];
  const fs::path folder = image.directory.place / "layers" / layer.name;
  if (!layer.blob) {
    verdict.add("layers/" + layer.name, "the manifest does not say which blob it is");
    return;
  }
  const std::string blob = layer.blob->str();
  const bool has_diff = image.config && !registry::is_encrypted(layer.media_type);
  if (has_diff && !layer.diff) {
    note(verdict, blob, Error(Errc::not_found, "no diff_id belongs to it"));
  }
  if (layer.diff && image.config && number < image.config->diff_ids.size() &&
      image.config->diff_ids[number] != layer.diff) {
    verdict.add(blob, str_cat("the mount shows ", *layer.diff,
                              " as its diff, but the config has another diff_id"));
  }
  if (depth_ == Depth::shallow) return;
  std::optional<Diff> diff;
  if (layer.diff) {
    const Read* const read = check_object(folder / "diff", *layer.diff, verdict);
    if (read != nullptr && read->problem.empty()) diff = Diff{*layer.diff, *read->size};
  }
  const Read* const read =
      check_object(folder / "blob", *layer.blob, verdict, diff ? &*diff : nullptr);
  if (read == nullptr) return;
  if (layer.size && *read->size != *layer.size) {
    verdict.add(blob, str_cat("the manifest says that it has ", *layer.size, " bytes, but it has ",
                              *read->size));
  }
  // Of bytes that are not those of the blob, no more needs to be said.
  if (!diff || !read->problem.empty()) return;
  const std::string& problem = read->diffs.at(diff->digest);
  if (!problem.empty()) verdict.add(blob, problem);
}

void Checker::check_labels(const Image& image, Verdict& verdict) const {
  if (requirements_.labels.empty()) return;
  if (!image.config) {
    for (const std::string& wanted : requirements_.labels) {
      verdict.add(image.directory.digest.str(), str_cat("it has no config, and so no label ",
                                                        wanted.substr(0, wanted.find('='))));
    }
    return;
  }
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
  bool is_known = true;
  for (const Verdict& image : verdicts) {
    is_known = is_known && (image.soundness != Soundness::failed || !image.platform.empty());
    if (image.platform.empty()) continue;
    try {
      offered.push_back(registry::parse_platform(image.platform));
    } catch (const Error&) {
      continue;  // What a config says may be anything.
    }
    names += str_cat(names.empty() ? "" : ", ", image.platform);
  }
  for (const registry::Platform& wanted : requirements_.platforms) {
    const bool is_there = std::ranges::any_of(
        offered, [&](const registry::Platform& platform) { return suits(wanted, platform); });
    if (is_there) continue;
    if (!is_known) {
      verdict.fail(verdict.path, str_cat("it is not known if there is an image for ",
                                         platform_text(wanted), ": not all could be looked at"));
      continue;
    }
    verdict.add(verdict.path, str_cat("there is no image for ", platform_text(wanted),
                                      names.empty() ? "" : ", only for ", names));
  }
}

/// Reads the whole object, unless that was done before, and adds what is wrong with it. Compares a
/// blob with `diff`, unless that is null. Returns what was found out, or null if the object could
/// not be read.
const Checker::Read* Checker::check_object(const fs::path& path, const Digest& digest,
                                           Verdict& verdict, const Diff* diff) {
  // One copy of an object is behind all names of the repository.
  const std::string key = real_path(path).value_or(path).native();
  auto known = read_.find(key);
  const bool is_known =
      known != read_.end() && (diff == nullptr || !known->second.problem.empty() ||
                               known->second.diffs.contains(diff->digest));
  if (!is_known) {
    try {
      Read read = read_object(path, digest, diff);
      if (known != read_.end()) read.diffs.merge(known->second.diffs);
      known = read_.insert_or_assign(key, std::move(read)).first;
    } catch (const Error& error) {
      if (is_verdict(error.code())) read_[key] = {.problem = error.what()};
      note(verdict, digest.str(), error);
      return nullptr;
    }
    ++verdict.objects;
    verdict.bytes += *known->second.size;
  }
  const Read& read = known->second;
  if (!read.problem.empty()) verdict.add(digest.str(), read.problem);
  return read.size ? &read : nullptr;
}

Checker::Read Checker::read_object(const fs::path& path, const Digest& digest,
                                   const Diff* diff) const {
  Hasher hasher(digest.algorithm());
  std::optional<Uncompressed> uncompressed;
  if (diff != nullptr) uncompressed.emplace(diff->digest.algorithm(), diff->size);
  const std::string total = size_text(size_of(path));
  std::uint64_t done = 0;
  Read read;
  read.size = read_pieces(path, [&](std::span<const std::byte> piece) {
    hasher.update(piece);
    if (uncompressed) uncompressed->write(piece);
    done += piece.size();
    progress_.show(str_cat(digest_text(digest, Digests::brief), ": ", size_text(done), " of ",
                           total, " read"));
  });
  const Digest actual = hasher.finish();
  if (actual != digest) read.problem = str_cat("its bytes hash to ", actual);
  if (uncompressed) {
    uncompressed->finish();
    const auto& found = uncompressed->digest();
    read.diffs[diff->digest] =
        !found ? uncompressed->problem()
        : *found != diff->digest
            ? str_cat("it decompresses to ", *found, ", but its diff_id is ", diff->digest)
            : "";
  }
  return read;
}

void Checker::check_journal(const fs::path& repository, const std::set<std::string>& objects,
                            Verdict& verdict) {
  for (const RecordedProblem& problem : problems_about(objects, read_journal(repository))) {
    verdict.add(problem.object,
                str_cat("the mount has recorded: ", problem.kind, ": ", problem.detail));
  }
}

}  // namespace digestfs::companions
