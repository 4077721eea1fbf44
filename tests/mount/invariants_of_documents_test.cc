// SPDX-License-Identifier: Apache-2.0
// Reference 11.3, as far as it is about what indexes, manifests and configs say. Each is pushed
// under the tag `x`: its bytes can be read whatever they are, and what is made of them fails with
// one error, or leaves out what is no good.
#include <algorithm>
#include <cctype>
#include <cerrno>
#include <iterator>
#include <set>
#include <stdexcept>
#include <utility>

#include "base/text.h"
#include "registry/image/media_type.h"
#include "tests/mount/invariants.h"

namespace digestfs {
namespace {

using registry::Descriptor;
using registry::Endpoint;
using test::Reading;
namespace media_type = registry::media_type;

const std::string kManifest(media_type::kOciManifest);
const std::string kIndex(media_type::kOciIndex);

/// `text` with `to` for `from`, which is in it.
std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  if (at == std::string::npos) throw std::logic_error(str_cat(from, " is not in ", text));
  return text.replace(at, from.size(), to);
}

/// Pushes a document; what is read of it are its bytes, then `more`.
void push(World& world, const std::string& bytes, const std::string& type,
          std::vector<Reading> more) {
  world.push("x", bytes, type);
  world.outcome.readings = {test::content("tags/x/manifest.json", bytes)};
  std::ranges::move(more, std::back_inserter(world.outcome.readings));
}

/// The manifest of three layers, with `to` for `from`.
std::string manifest_with(const World& world, const std::string& from, const std::string& to) {
  return replaced(world.bytes_of(world.image.manifest), from, to);
}

std::string short_hex_of(const Descriptor& object) {
  return std::string(object.digest.encoded().substr(0, 12));
}

// --- M5: ambiguous ---------------------------------------------------------------------

void refuse(World& world, const std::string& bytes, const std::string& type = kManifest) {
  push(world, bytes, type,
       {test::names("tags/x", {"image", "manifest.json"}), test::no_names("tags/x/layers", EIO),
        test::no_names("tags/x/rootfs", EIO), test::no_names("tags/x/platforms", EIO),
        test::no_content("tags/x/config.json", EIO)});
  world.outcome.problem = "bad-document";
}

/// The manifest of three layers with `to` for `from` can be read, and is no manifest.
Inflict ambiguous(const std::string& from, const std::string& to) {
  return [from, to](World& world) { refuse(world, manifest_with(world, from, to)); };
}

/// The manifest of three layers with `member` in it, whose text is not Unicode, is read as Go reads
/// it: the image stays as it is, and its bytes, too.
Inflict odd_text(const std::string& member) {
  return [member](World& world) {
    push(world, manifest_with(world, R"("layers":)", member + R"("layers":)"), kManifest,
         {test::names("tags/x/layers", {"00", "01", "02"}),
          test::names("tags/x/rootfs", {"cached", "healthy", "victim"})});
    world.outcome.problem = "remark";
  };
}

// --- M8, M9, M10: what is said of layers -----------------------------------------------

std::string size_of_layer(const World& world, const std::string& size) {
  const std::string before = str_cat('"', world.digest(0), '"');
  return manifest_with(world, str_cat(before, R"(,"size":)", world.victim().size()),
                       size.empty() ? before : str_cat(before, R"(,"size":)", size));
}

/// The first layer is said to be larger or smaller than it is: the blob is good under its digest,
/// and what this image makes of it is not.
Inflict wrong_size(int difference) {
  return [difference](World& world) {
    const auto said = static_cast<long>(world.victim().size()) + difference;
    push(world, size_of_layer(world, std::to_string(said)), kManifest,
         {test::content("tags/x/layers/00/blob", world.victim()),
          test::no_names("tags/x/layers/00/tree", EIO), test::no_names("tags/x/rootfs", EIO),
          test::names("tags/x/layers/01/tree", {"healthy"}),
          test::names("tags/known/rootfs", {"cached", "healthy", "victim"})});
    world.outcome.problem = "size-mismatch";
  };
}

/// The first layer is none; its siblings are.
void leave_out_layer(World& world, const std::string& bytes) {
  push(world, bytes, kManifest,
       {test::names("tags/x/layers", {"00", "01", "02"}),
        test::names("tags/x/layers/00", {"created_by"}), test::no_names("tags/x/rootfs", EIO),
        test::content("tags/x/layers/01/blob", world.bytes(1)),
        test::names("tags/x/layers/01/tree", {"healthy"})});
  world.outcome.problem = "bad-document";
}

Inflict bad_size(const std::string& size) {
  return [size](World& world) { leave_out_layer(world, size_of_layer(world, size)); };
}

/// `hostile` is the text of a digest in JSON, `shown` a part that no URL is to have.
Inflict bad_digest(const std::string& hostile, const std::string& shown) {
  return [hostile, shown](World& world) {
    leave_out_layer(world, manifest_with(world, world.digest(0), hostile));
    world.outcome.never_asked.push_back(shown);
  };
}

/// Grammar allows it, and nobody can verify it (DIG-3).
void name_by_md5(World& world) {
  const std::string digest = "md5:d41d8cd98f00b204e9800998ecf8427e";
  push(world, manifest_with(world, world.digest(0), digest), kManifest,
       {test::target("tags/x/layers/00/blob", "../../../../blobs/" + digest),
        test::no_content("tags/x/layers/00/blob", EOPNOTSUPP),
        test::no_content("blobs/" + digest, EOPNOTSUPP),
        test::content("tags/x/layers/01/blob", world.bytes(1)),
        test::names("tags/x/layers/01/tree", {"healthy"})});
  world.outcome.never_asked.emplace_back("d41d8cd98f00b204e9800998ecf8427e");
}

/// A layer that is named by its SHA-512, of which the registry says the SHA-256 (DIG-5), and where
/// `sent` comes.
void name_by_sha512(World& world, const test::Layer& layer, const std::string& sent, int error) {
  Descriptor blob = world.registry.add_blob(layer.blob, "sha512");
  blob.media_type = layer.media_type;
  Descriptor config = world.registry.add_blob(test::config_json({digest_of(layer.diff)}));
  config.media_type = media_type::kOciConfig;
  world.answer("/blobs/" + blob.digest.str(),
               {.fields = {{"Docker-Content-Digest", digest_of(sent).str()}}, .body = sent});
  const std::string path = "tags/x/layers/00/";
  push(
      world, test::manifest_json(config, {blob}), kManifest,
      {error == 0 ? test::content(path + "blob", layer.blob)
                  : test::no_content(path + "blob", error),
       error == 0 ? test::names(path + "tree", {"strong"}) : test::no_names(path + "tree", error)});
}

std::vector<Fault> layer_faults() {
  const std::string hex(digest_of("nobody has this").encoded());
  std::string upper = hex;
  std::ranges::transform(upper, upper.begin(),
                         [](char c) { return static_cast<char>(std::toupper(c)); });
  const test::Layer strong = test::gzip_layer({{"strong", test::noise(50'000, 4)}});
  return {
      {"M8_one_byte_more", 0, wrong_size(1)},
      {"M8_one_byte_less", 0, wrong_size(-1)},
      {"M8_negative", 0, bad_size("-1")},
      {"M8_fraction", 0, bad_size("1.5")},
      {"M8_astronomical", 0, bad_size("1e30")},
      {"M8_text", 0, bad_size("\"12\"")},
      {"M8_missing", 0,
       [](World& world) {
         push(world, size_of_layer(world, ""), kManifest,
              {test::content("tags/x/layers/00/blob", world.victim()),
               test::names("tags/x/rootfs", {"cached", "healthy", "victim"})});
       }},
      {"M9_path", 0, bad_digest("sha256:../../../../etc/passwd", "etc")},
      {"M9_upper_case", 0, bad_digest("sha256:" + upper, upper)},
      {"M9_too_short", 0, bad_digest("sha256:" + hex.substr(1), hex.substr(1))},
      {"M9_path_behind_it", 0, bad_digest(str_cat("sha256:", hex, "/x"), hex)},
      {"M9_NUL_behind_it", 0, bad_digest(str_cat("sha256:", hex, R"(\u0000x)"), hex)},
      {"M9_md5", 0, name_by_md5},
      {"M10_sha512", 0, [strong](World& world) { name_by_sha512(world, strong, strong.blob, 0); }},
      {"M10_sha512_of_something_else", 0,
       [strong](World& world) {
         name_by_sha512(world, strong, std::string(strong.blob.size(), 'x'), EIO);
         world.outcome.problem = "digest-mismatch";
       }},
  };
}

// --- M11, M12: entries of indexes ------------------------------------------------------

/// Images to make an index of, and the index.
class Entries {
 public:
  Descriptor add_image(const std::string& file, const std::string& os,
                       const std::string& architecture) {
    Descriptor image = test::add_image(set_, {test::gzip_layer({{file, "content"}})}).manifest;
    image.platform = registry::Platform{os, architecture, {}, {}, {}};
    entries_.push_back(image);
    return image;
  }
  void add(const Descriptor& entry) { entries_.push_back(entry); }
  /// The last one that was added.
  [[nodiscard]] Descriptor& last() { return entries_.back(); }
  [[nodiscard]] test::ObjectSet& set() { return set_; }

  void push_to(World& world, std::vector<Reading> more) {
    world.push(set_);
    push(world, test::index_json(entries_), kIndex, std::move(more));
  }

 private:
  test::ObjectSet set_;
  std::vector<Descriptor> entries_;
};

/// The names in `platforms/` of an index of one image of that platform, as JSON has it.
Inflict platform(const std::string& os, const std::string& architecture, const std::string& name) {
  return [=](World& world) {
    Entries entries;
    const Descriptor image = entries.add_image("file", os, architecture);
    entries.push_to(
        world, {test::names("tags/x/platforms", {name.empty() ? image.digest.str() : name}),
                test::names(str_cat("tags/x/platforms/", name.empty() ? image.digest.str() : name,
                                    "/rootfs"),
                            {"file"})});
  };
}

/// An image in an index in an index: as many levels of them.
Inflict nested(int levels) {
  return [levels](World& world) {
    constexpr int kMost = 8;  // MT-5
    test::ObjectSet more;
    Descriptor inner = test::add_image(more, {test::gzip_layer({{"deep", "content"}})}).manifest;
    inner.platform.reset();
    std::string path = "tags/x";
    std::string below;
    for (int level = 1; level < levels; ++level) {
      below = str_cat("/platforms/", inner.digest, below);
      inner = more.add(Endpoint::manifests, test::index_json({inner}), kIndex);
    }
    const std::string outer = test::index_json({inner});
    more.add(Endpoint::manifests, outer, kIndex);
    std::set<std::string> parts;
    for (const auto& [digest, object] : more.objects()) parts.emplace(digest.encoded());
    world.push(more);
    const std::string all = "tags/x/oci/blobs/sha256";
    push(world, outer, kIndex,
         {test::names("tags/x/platforms", {inner.digest.str()}),
          levels <= kMost ? test::names(all, parts) : test::no_names(all, EFBIG),
          test::names(str_cat("tags/x/platforms/", inner.digest, below, "/rootfs"), {"deep"})});
    if (levels > kMost) world.outcome.problem = "limit";
  };
}

void without_platform(World& world) {
  Entries entries;
  const Descriptor image = entries.add_image("file", "linux", "amd64");
  entries.last().platform.reset();
  const std::string path = "tags/x/platforms/" + image.digest.str();
  entries.push_to(world, {test::names("tags/x/platforms", {image.digest.str()}),
                          test::target(path, "../../../images/" + image.digest.str()),
                          test::names(path + "/rootfs", {"file"})});
}

void same_twice(World& world) {
  Entries entries;
  entries.add_image("file", "linux", "arm64");
  entries.add(entries.last());
  entries.push_to(world, {test::names("tags/x/platforms", {"linux_arm64"})});
}

void two_of_one_platform(World& world) {
  Entries entries;
  entries.add_image("first", "linux", "arm64");
  const Descriptor second = entries.add_image("second", "linux", "arm64");
  const std::string name = "linux_arm64@" + short_hex_of(second);
  entries.push_to(world, {test::names("tags/x/platforms", {"linux_arm64", name}),
                          test::names("tags/x/platforms/linux_arm64/rootfs", {"first"}),
                          test::names(str_cat("tags/x/platforms/", name, "/rootfs"), {"second"})});
}

void two_unknown(World& world) {
  Entries entries;
  const Descriptor first = entries.add_image("first", "unknown", "unknown");
  const Descriptor second = entries.add_image("second", "unknown", "unknown");
  entries.push_to(
      world, {test::names("tags/x/platforms", {first.digest.str(), second.digest.str()}),
              test::no_names("tags/x/host", ENOENT),
              test::names(str_cat("tags/x/platforms/", second.digest, "/rootfs"), {"second"})});
}

/// As BuildKit leaves them (MT-8).
void two_attestations(World& world) {
  Entries entries;
  const Descriptor image = entries.add_image("file", "linux", "arm64");
  std::set<std::string> attestations;
  for (const char* statement : {R"({"_type":"sbom"})", R"({"_type":"provenance"})"}) {
    const auto config =
        entries.set().add(Endpoint::blobs, test::config_json({}), media_type::kOciConfig);
    const auto layer =
        entries.set().add(Endpoint::blobs, statement, "application/vnd.in-toto+json");
    auto attestation =
        entries.set().add(Endpoint::manifests, test::manifest_json(config, {layer}), kManifest);
    attestation.platform = registry::Platform{"unknown", "unknown", {}, {}, {}};
    attestation.annotations = {{"vnd.docker.reference.type", "attestation-manifest"},
                               {"vnd.docker.reference.digest", image.digest.str()}};
    entries.add(attestation);
    attestations.insert(attestation.digest.str());
  }
  entries.push_to(world, {test::names("tags/x/platforms", {"linux_arm64"}),
                          test::names("tags/x/platforms/linux_arm64/referrers", attestations)});
}

void unknown_type(World& world) {
  Entries entries;
  entries.add_image("file", "linux", "arm64");
  const Descriptor blob = entries.set().add(Endpoint::blobs, "hello", "application/x-unknown");
  entries.add(blob);
  const std::string path = "tags/x/platforms/" + blob.digest.str();
  entries.push_to(world, {test::names("tags/x/platforms", {"linux_arm64", blob.digest.str()}),
                          test::target(path, "../../../blobs/" + blob.digest.str()),
                          test::content(path, "hello")});
}

std::vector<Fault> index_faults() {
  const std::string large(300, 'a');
  const std::string cut(64, 'a');
  return {
      {"M11_three_levels", 0, nested(3)},
      {"M11_eight_levels", 0, nested(8)},
      {"M11_nine_levels", 0, nested(9)},
      {"M11_no_platform", 0, without_platform},
      {"M11_same_entry_twice", 0, same_twice},
      {"M11_two_of_one_platform", 0, two_of_one_platform},
      {"M11_two_of_unknown_platform", 0, two_unknown},
      {"M11_two_attestations", 0, two_attestations},
      {"M11_entry_of_unknown_type", 0, unknown_type},
      {"M12_path_above", 0, platform("../x", "amd64", "-.-x_amd64")},
      {"M12_slash", 0, platform("linux", "a/b", "linux_a-b")},
      {"M12_nothing", 0, platform("", "", "")},
      {"M12_no_os", 0, platform("", "arm64", "unknown_arm64")},
      {"M12_three_hundred_letters", 0, platform(large, large, str_cat(cut, "_", cut))},
      {"M12_newline", 0, platform("li\nnux", "arm64", "li-nux_arm64")},
  };
}

// --- M14: artifacts --------------------------------------------------------------------

/// An artifact of a text for each title, with a config of `type` that is `{}`, and of which the
/// manifest has `data` as the content.
struct Artifact {
  Artifact(World& world, const std::vector<std::string>& titles, const std::string& type,
           const std::string& data) {
    Descriptor config = world.registry.add_blob("{}");
    config.media_type = type;
    for (const std::string& title : titles) {
      texts.push_back(str_cat("text ", texts.size()));
      Descriptor layer = world.registry.add_blob(texts.back());
      layer.media_type = "text/plain";
      layer.annotations = {{"org.opencontainers.image.title", title}};
      layers.push_back(layer);
    }
    manifest = replaced(test::manifest_json(config, layers), R"("size":2)",
                        str_cat(R"("size":2,"data":")", data, '"'));
    readings = {
        test::content(str_cat("blobs/", config.digest), "{}"),
        test::no_names("tags/x/rootfs", ENOENT),
        test::names("tags/x", {"files", "image", "layers", "manifest.json", "oci", "referrers"})};
  }

  std::vector<std::string> texts;
  std::vector<Descriptor> layers;
  std::string manifest;
  std::vector<Reading> readings;
};

Inflict artifact(const std::string& type, const std::string& data) {
  return [type, data](World& world) {
    Artifact made(world, {"a.txt"}, type, data);
    made.readings.push_back(test::names("tags/x/files", {"a.txt"}));
    made.readings.push_back(test::content("tags/x/files/a.txt", made.texts[0]));
    made.readings.push_back(test::content("tags/x/layers/00/blob", made.texts[0]));
    push(world, made.manifest, kManifest, made.readings);
  };
}

void bad_titles(World& world) {
  Artifact made(world, {"../../x", "a/b", "same", "same", "..", ""}, "application/x-unknown",
                "e30=");
  const std::string second = "same@" + short_hex_of(made.layers[3]);
  const std::string up = made.layers[0].digest.str();
  made.readings.push_back(test::names(
      "tags/x/files",
      {"a", "same", second, up, made.layers[4].digest.str(), made.layers[5].digest.str()}));
  made.readings.push_back(test::content("tags/x/files/" + up, made.texts[0]));
  made.readings.push_back(test::content("tags/x/files/a/b", made.texts[1]));
  made.readings.push_back(test::content("tags/x/files/same", made.texts[2]));
  made.readings.push_back(test::content("tags/x/files/" + second, made.texts[3]));
  push(world, made.manifest, kManifest, made.readings);
  world.outcome.problem = "bad-name";
}

// --- M17, M18: configs, and JSON that goes too far -------------------------------------

/// An image of two layers with this config.
std::string image_with(World& world, const std::string& config) {
  Descriptor descriptor = world.registry.add_blob(config);
  descriptor.media_type = media_type::kOciConfig;
  return test::manifest_json(descriptor, {world.image.layers[0], world.image.layers[1]});
}

/// Its layers are files, and do not pair up with anything.
void unpair(World& world, const std::string& config, const std::string& problem) {
  push(world, image_with(world, config), kManifest,
       {test::no_names("tags/x/rootfs", EIO), test::content("tags/x/config.json", config),
        test::names("tags/x/layers/00", {"blob"}),
        test::content("tags/x/layers/00/blob", world.victim())});
  world.outcome.problem = problem;
}

Inflict config(const std::string& bytes, const std::string& problem) {
  return [bytes, problem](World& world) { unpair(world, bytes, problem); };
}

std::vector<Fault> config_faults() {
  return {
      {"M17_history_of_three_for_two", 0,
       [](World& world) {
         const auto& diffs = world.image.diff_ids;
         const std::string bytes =
             replaced(test::config_json({diffs[0], diffs[1]}), R"("history":[)",
                      R"("history":[{"created_by":"one too many"},)");
         push(world, image_with(world, bytes), kManifest,
              {test::names("tags/x/layers/00", {"blob", "diff", "tree"}),
               test::names("tags/x/rootfs", {"healthy", "victim"})});
       }},
      {"M17_one_diff_id_for_two", 0,
       [](World& world) {
         unpair(world, test::config_json({world.image.diff_ids[0]}), "unpaired");
       }},
      {"M17_no_diff_ids", 0,
       config(R"({"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":null}})",
              "unpaired")},
      {"M17_rootfs_of_another_type", 0,
       [](World& world) {
         const auto& diffs = world.image.diff_ids;
         unpair(world,
                replaced(test::config_json({diffs[0], diffs[1]}), R"("type":"layers")",
                         R"("type":"x")"),
                "bad-document");
       }},
      {"M17_empty_config", 0, config("{}", "bad-document")},
  };
}

std::vector<Fault> json_faults() {
  const auto refused = [](const std::string& bytes, const std::string& type = kManifest) {
    return [bytes, type](World& world) { refuse(world, bytes, type); };
  };
  const auto around = [](const std::string& before, const std::string& behind) {
    return [before, behind](World& world) {
      refuse(world, str_cat(before, world.bytes_of(world.image.manifest), behind));
    };
  };
  constexpr std::size_t kDeep = 100'000;
  constexpr std::size_t kMany = 1'000'000;
  std::string many = R"({"schemaVersion":2,"manifests":[{})";
  for (std::size_t i = 1; i < kMany; ++i) many += ",{}";
  return {
      {"M5_an_index_that_is_called_a_manifest", 0,
       [](World& world) { refuse(world, test::index_json({world.image.manifest})); }},
      {"M5_manifests_and_layers", 0, ambiguous(R"("layers":)", R"("manifests":[],"layers":)")},
      {"M5_layers_in_two_spellings", 0, ambiguous(R"("layers":)", R"("Layers":[],"layers":)")},
      {"M5_config_twice", 0, ambiguous(R"("config":)", R"("config":{},"config":)")},
      {"M18_deep", 0, refused(std::string(kDeep, '['))},
      {"M18_deep_inside", 0,
       ambiguous(R"("layers":)", str_cat(R"("x":)", std::string(kDeep, '['),
                                         std::string(kDeep, ']'), R"(,"layers":)"))},
      {"M18_a_million_descriptors", 0, refused(many + "]}", kIndex)},
      {"M18_no_utf8", 0, odd_text("\"x\":\"\xc3\x28\",")},
      {"M18_byte_order_mark", 0, around("\xef\xbb\xbf", "")},
      {"M18_something_behind_it", 0, around("", "}")},
  };
}

std::vector<Fault> artifact_faults() {
  const std::string empty = "application/vnd.oci.empty.v1+json";
  return {
      {"M14_empty_config", 0, artifact(empty, "e30=")},
      {"M14_data_of_something_else", 0, artifact(empty, "W10=")},
      {"M14_data_that_is_no_base64", 0, artifact(empty, "%%%")},
      {"M14_config_of_unknown_type", 0, artifact("application/x-unknown", "e30=")},
      {"M14_titles_that_are_no_names", 0, bad_titles},
  };
}

INSTANTIATE_TEST_SUITE_P(Json, InvariantsTest, testing::ValuesIn(json_faults()), name_of);
INSTANTIATE_TEST_SUITE_P(Layers, InvariantsTest, testing::ValuesIn(layer_faults()), name_of);
INSTANTIATE_TEST_SUITE_P(Indexes, InvariantsTest, testing::ValuesIn(index_faults()), name_of);
INSTANTIATE_TEST_SUITE_P(Artifacts, InvariantsTest, testing::ValuesIn(artifact_faults()), name_of);
INSTANTIATE_TEST_SUITE_P(Configs, InvariantsTest, testing::ValuesIn(config_faults()), name_of);

}  // namespace
}  // namespace digestfs
