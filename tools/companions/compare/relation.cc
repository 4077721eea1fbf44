// SPDX-License-Identifier: Apache-2.0
#include "tools/companions/compare/relation.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "tools/companions/common/words.h"

namespace digestfs::companions {
namespace {

/// Returns the sentence for images of which not all layers are the same.
std::pair<Relation, std::string> relate_layers(const Image& a, const Image& b,
                                               const SharedLayers& shared) {
  const std::string bytes =
      shared.recompressed == shared.count ? "compressed otherwise" : size_text(shared.bytes);
  const auto built_on = [&](const char* upper, const char* lower, std::size_t more) {
    return std::pair(
        Relation::built_on,
        str_cat(upper, " is built on ", lower, ": it has ",
                shared.base == 1 ? "the layer" : str_cat("all ", shared.base, " layers"), " of ",
                lower, " (", bytes, ") and ", counted(more, "layer"), " more"));
  };
  if (shared.base > 0 && shared.base == a.layers.size()) {
    return built_on("B", "A", b.layers.size() - shared.base);
  }
  if (shared.base > 0 && shared.base == b.layers.size()) {
    return built_on("A", "B", a.layers.size() - shared.base);
  }
  const std::string others =
      shared.count > shared.base ? str_cat(" and ", shared.count - shared.base, " above it") : "";
  if (shared.base > 0) {
    return {Relation::shared_base,
            str_cat("A and B share a base of ", counted(shared.base, "layer"), others, " (", bytes,
                    ")")};
  }
  if (shared.count > 0) {
    return {Relation::shared_layers, str_cat("A and B share ", counted(shared.count, "layer"), " (",
                                             bytes, ") but no base")};
  }
  return {Relation::unrelated, "A and B share no layer"};
}

std::pair<Relation, std::string> relate(const Image& a, const Image& b, const SharedLayers& shared,
                                        bool has_other_fields) {
  if (a.directory.digest == b.directory.digest) {
    return {Relation::same_document, "A and B are the same manifest"};
  }
  const bool has_same_layers = shared.count == a.layers.size() && shared.count == b.layers.size();
  const bool has_layers = shared.count > 0;
  if (!has_same_layers || (!has_layers && has_other_fields)) return relate_layers(a, b, shared);
  const std::string otherwise =
      str_cat(shared.recompressed, " of ", counted(shared.count, "layer"),
              shared.recompressed == 1 ? " is" : " are", " stored in another blob");
  if (has_other_fields && !(a.config && b.config)) {
    return {Relation::same_layers,
            "A and B have the same blobs but say different things about them"};
  }
  if (has_other_fields) {
    return {Relation::same_layers, str_cat("A and B have the same layers but different configs",
                                           shared.recompressed > 0 ? "; " + otherwise : "")};
  }
  const std::string spelling =
      a.id() == b.id() ? "" : "; their configs differ only in how they are written";
  if (shared.recompressed > 0) {
    return {Relation::recompressed,
            str_cat("A and B are the same image, compressed otherwise: ", otherwise, spelling)};
  }
  const std::string why = !has_layers && spelling.empty()
                              ? ": their config is the same, and they have no layers"
                          : !has_layers      ? ""
                          : spelling.empty() ? ": their config and layers are the same"
                                             : ": their layers are the same";
  return {Relation::same_image,
          str_cat("A and B are the same image in two manifests", why, spelling)};
}

/// Returns what differs in the configs of two images.
std::vector<FieldChange> config_changes(const Image& a, const Image& b) {
  if (a.id() == b.id()) return {};
  return compare_fields(config_fields(a.config_text), config_fields(b.config_text));
}

/// Returns what differs in what the manifests say about an artifact, its config and the blobs that
/// both have.
std::vector<FieldChange> artifact_changes(const Image& a, const Image& b,
                                          const std::vector<LayerPair>& pairs) {
  const auto of_manifest = [](const Image& image) {
    Fields fields;
    if (image.manifest.config) fields = descriptor_fields(*image.manifest.config, "config");
    if (const auto id = image.id()) fields["config.digest"] = id->str();
    fields["artifactType"] = image.manifest.artifact_type;
    return fields;
  };
  std::vector<FieldChange> changes = compare_fields(of_manifest(a), of_manifest(b));
  const auto of_layer = [](const Image& image, std::size_t i, const std::string& path) {
    const auto& stated = image.manifest.layers;
    return i < stated.size() && stated[i] ? descriptor_fields(*stated[i], path) : Fields();
  };
  for (const LayerPair& pair : pairs) {
    if (!pair.a || !pair.b) continue;
    const std::string path = "layers." + a.layers[*pair.a].name;
    auto of_pair = compare_fields(of_layer(a, *pair.a, path), of_layer(b, *pair.b, path));
    std::ranges::move(of_pair, std::back_inserter(changes));
  }
  return changes;
}

/// Compares the images that A and B have under one platform.
void compare_platform(const Index& a, const Index& b, PlatformPair& pair) {
  if (pair.a == pair.b && pair.a) {
    pair.sentence = "A and B have the same entry";
    return;
  }
  try {
    const auto in_a = find_image(a.directory.place / "platforms" / pair.name);
    const auto in_b = find_image(b.directory.place / "platforms" / pair.name);
    if (in_a.is_index || in_b.is_index) {
      pair.sentence = "A and B have different indexes";
      return;
    }
    pair.sentence = compare_images(read_image(in_a), read_image(in_b)).sentence;
  } catch (const Error& error) {
    pair.error = error.what();
  }
}

}  // namespace

std::string_view to_string(Relation relation) noexcept {
  switch (relation) {
    case Relation::same_document:
      return "same";
    case Relation::same_image:
      return "same-image";
    case Relation::recompressed:
      return "recompressed";
    case Relation::same_layers:
      return "same-layers";
    case Relation::built_on:
      return "built-on";
    case Relation::shared_base:
      return "shared-base";
    case Relation::shared_layers:
      return "shared-layers";
    case Relation::unrelated:
      return "unrelated";
    case Relation::member:
      return "member";
    case Relation::different:
      return "different";
  }
  return {};
}

ImageComparison compare_images(const Image& a, const Image& b) {
  ImageComparison result;
  result.layers = align_layers(a.layers, b.layers);
  const SharedLayers shared = shared_layers(result.layers, a.layers);
  // An artifact's config is one more blob.
  result.fields =
      a.config && b.config ? config_changes(a, b) : artifact_changes(a, b, result.layers);
  const bool has_other_fields = !result.fields.empty();
  auto annotations = compare_fields(annotation_fields(a.manifest.annotations),
                                    annotation_fields(b.manifest.annotations));
  std::ranges::move(annotations, std::back_inserter(result.fields));
  std::tie(result.relation, result.sentence) = relate(a, b, shared, has_other_fields);
  const std::string of_a = a.platform();
  const std::string of_b = b.platform();
  if (of_a != of_b && !of_a.empty() && !of_b.empty()) {
    result.sentence += str_cat("; A is for ", of_a, ", B for ", of_b);
  }
  result.sentence += ".";
  return result;
}

IndexComparison compare_indexes(const Index& a, const Index& b, Progress& progress) {
  IndexComparison result;
  result.fields = compare_fields(annotation_fields(a.manifest.annotations),
                                 annotation_fields(b.manifest.annotations));
  std::set<std::string> names(a.platforms.begin(), a.platforms.end());
  names.insert(b.platforms.begin(), b.platforms.end());
  std::size_t same = 0;
  std::size_t both = 0;
  for (const std::string& name : names) {
    progress.show(
        str_cat("platform ", result.platforms.size() + 1, " of ", names.size(), ": ", name));
    PlatformPair pair{.name = name};
    pair.a = linked_digest(a.directory.place / "platforms", name);
    pair.b = linked_digest(b.directory.place / "platforms", name);
    if (pair.a && pair.b) {
      ++both;
      if (pair.a == pair.b) ++same;
      compare_platform(a, b, pair);
    } else {
      pair.sentence = pair.a ? "Only A has this platform." : "Only B has this platform.";
    }
    result.platforms.push_back(std::move(pair));
  }
  if (a.directory.digest == b.directory.digest) {
    result.relation = Relation::same_document;
    result.sentence = "A and B are the same index.";
    return result;
  }
  const std::string counts = both == names.size()
                                 ? str_cat("the same ", counted(both, "platform"))
                                 : str_cat(a.platforms.size(), " and ", b.platforms.size(),
                                           " platforms, of which they share ", both);
  result.sentence = str_cat("A and B are two indexes for ", counts, "; ",
                            same == 0      ? "none of their images is"
                            : same == both ? "all images of these are"
                            : same == 1    ? "1 image is"
                                           : str_cat(same, " images are"),
                            " the same.");
  return result;
}

MemberComparison compare_member(const Index& index, std::string_view index_name, const Image& image,
                                std::string_view image_name) {
  for (const std::string& name : index.platforms) {
    if (linked_digest(index.directory.place / "platforms", name) == image.directory.digest) {
      return {Relation::member, str_cat(index_name, " is an index, and ", image_name,
                                        " is its image for ", name, ".")};
    }
  }
  return {Relation::different,
          str_cat(index_name, " is an index of ", counted(index.platforms.size(), "platform"),
                  ", and ", image_name, " is an image that is not in it; ",
                  index_instead_of_image(index.directory), ".")};
}

}  // namespace digestfs::companions
