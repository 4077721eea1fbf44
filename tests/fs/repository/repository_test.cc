// SPDX-License-Identifier: Apache-2.0
#include "fs/repository/repository.h"

#include <cerrno>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/error.h"
#include "tests/support/served.h"

namespace digestfs::fs {
namespace {

using registry::Descriptor;
using registry::Endpoint;
using test::Image;
using test::MountSettings;
using test::ObjectSet;
using test::Served;

using Names = std::set<std::string>;

constexpr const char* kManifestType = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kIndexType = "application/vnd.oci.image.index.v1+json";
constexpr const char* kConfigType = "application/vnd.oci.image.config.v1+json";

const std::string kNowhere = "sha256:" + std::string(64, '0');

std::string hyphenated(const Digest& digest) {
  std::string text = digest.str();
  text[text.find(':')] = '-';
  return text;
}

Image two_layers(ObjectSet& set, const std::string& architecture = "amd64") {
  return add_image(set,
                   {test::gzip_layer({{.name = "base", .content = architecture}}),
                    test::zstd_layer({{.name = "top", .content = architecture + "!"}})},
                   architecture);
}

/// An entry of an index; `rest` are further members, each with a comma before it.
std::string index_entry(const std::string& digest, const std::string& rest = {}) {
  return std::string(R"({"mediaType":")") + kManifestType + R"(","digest":")" + digest +
         R"(","size":2)" + rest + "}";
}

std::string platform_member(const std::string& os, const std::string& architecture,
                            const std::string& variant = {}, const std::string& version = {}) {
  std::string text = R"(,"platform":{"os":")" + os + R"(","architecture":")" + architecture + '"';
  if (!variant.empty()) text += R"(,"variant":")" + variant + '"';
  if (!version.empty()) text += R"(,"os.version":")" + version + '"';
  return text + "}";
}

std::string index_of(const std::vector<std::string>& entries) {
  std::string text =
      std::string(R"({"schemaVersion":2,"mediaType":")") + kIndexType + R"(","manifests":[)";
  for (std::size_t i = 0; i < entries.size(); ++i) text += (i > 0 ? "," : "") + entries[i];
  return text + "]}";
}

std::string digest_text(char fill) { return "sha256:" + std::string(64, fill); }

TEST(Tree, ShowsAPlainImage) {
  ObjectSet set;
  const Image image = two_layers(set);
  set.tag("v1", image.manifest);
  Served served;
  served.mount(set);
  EXPECT_EQ(served.names(""), (Names{"tags", "images", "indexes", "manifests", "configs", "blobs",
                                     "diffs", "trees", "oci", ".digestfs"}));
  EXPECT_EQ(served.names("tags"), Names{"v1"});
  EXPECT_EQ(served.names("tags/v1"), (Names{"image", "manifest.json", "config.json", "layers",
                                            "rootfs", "oci", "referrers", "platforms", "host"}));
  const std::string manifest = image.manifest.digest.str();
  EXPECT_EQ(served.link("tags/v1/image"), "../../images/" + manifest);
  EXPECT_EQ(served.link("tags/v1/manifest.json"), "../../manifests/" + manifest);
  EXPECT_EQ(served.link("tags/v1/config.json"), "../../configs/" + image.config.digest.str());
  EXPECT_EQ(served.names("tags/v1/layers"), (Names{"00", "01"}));
  for (const std::size_t i : {0U, 1U}) {
    const std::string layer = "tags/v1/layers/0" + std::to_string(i);
    EXPECT_EQ(served.names(layer), (Names{"blob", "diff", "tree", "created_by"}));
    EXPECT_EQ(served.link(layer + "/blob"), "../../../../blobs/" + image.layers[i].digest.str());
    EXPECT_EQ(served.link(layer + "/diff"), "../../../../diffs/" + image.diff_ids[i].str());
    EXPECT_EQ(served.read(layer + "/created_by").text, "made by hand\n");
  }
  // Pinned: the same without what only a tag has, and no link to itself.
  const std::string pinned = "images/" + manifest;
  EXPECT_EQ(served.names(pinned),
            (Names{"manifest.json", "config.json", "layers", "rootfs", "oci", "referrers"}));
  EXPECT_EQ(served.link(pinned + "/manifest.json"), "../../manifests/" + manifest);
  EXPECT_EQ(served.link(pinned + "/layers/01/diff"),
            "../../../../diffs/" + image.diff_ids[1].str());
  EXPECT_FALSE(served.exists(pinned + "/image"));
  EXPECT_FALSE(served.exists(pinned + "/platforms"));
  EXPECT_FALSE(served.exists(pinned + "/host"));
  EXPECT_TRUE(served.problems().empty());
}

// An image without a name, or whose name another entry has, could not be found at all.
TEST(Tree, ListsFromTheStartWhatASourceNamesWithoutATag) {  // LOC-1
  ObjectSet set;
  const Image nameless = two_layers(set);
  const Image named = add_image(set, {test::gzip_layer({{.name = "other"}})});
  set.tag("v1", named.manifest);
  Served served;
  set.put_into(served.source);
  served.source.add_untagged(nameless.manifest);
  MountSettings settings;
  settings.selection.is_local = true;
  served.mount(settings);
  const Names both{nameless.manifest.digest.str(), named.manifest.digest.str()};
  EXPECT_EQ(served.names("images"), both);
  EXPECT_EQ(served.names("tags"), Names{"v1"});
  EXPECT_EQ(served.names("manifests"), both);
  EXPECT_TRUE(served.exists("images/" + nameless.manifest.digest.str() + "/rootfs"));
}

TEST(Tree, ServesEveryKindOfContentUnderItsDigest) {
  ObjectSet set;
  const Image image = two_layers(set);
  const Descriptor index = add_index(set, {image});
  set.tag("v1", index);
  Served served;
  served.mount(set);
  served.names("images/" + image.manifest.digest.str() + "/layers");
  const auto bytes = [&](const Digest& digest) { return set.objects().at(digest).bytes; };
  EXPECT_EQ(served.read("indexes/" + index.digest.str()).text, bytes(index.digest));
  EXPECT_EQ(served.read("manifests/" + image.manifest.digest.str()).text,
            bytes(image.manifest.digest));
  EXPECT_EQ(served.read("configs/" + image.config.digest.str()).text, bytes(image.config.digest));
  EXPECT_EQ(served.read("blobs/" + image.config.digest.str()).text, bytes(image.config.digest));
  EXPECT_EQ(served.read("blobs/" + image.layers[0].digest.str()).text,
            bytes(image.layers[0].digest));
  EXPECT_EQ(served.read("diffs/" + image.diff_ids[0].str()).text,
            test::tar({{.name = "base", .content = "amd64"}}));
  EXPECT_EQ(served.read("diffs/" + image.diff_ids[1].str()).text,
            test::tar({{.name = "top", .content = "amd64!"}}));
  served.expect_sound_cache();
}

TEST(Tree, DecompressesTheEmptyLayerOfBuildah) {  // the digests of the design's test vector
  ObjectSet set;
  const Image image = add_image(set, {test::gzip_layer({})});
  const Digest empty =
      *Digest::parse("sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef");
  EXPECT_EQ(image.diff_ids[0], empty);
  set.tag("v1", image.manifest);
  Served served;
  served.mount(set);
  EXPECT_EQ(served.target("tags/v1/layers/00/diff"), "diffs/" + empty.str());
  EXPECT_EQ(served.read("diffs/" + empty.str()).text, std::string(1024, '\0'));
}

TEST(Tree, ShowsAnIndex) {
  ObjectSet set;
  const Image amd64 = two_layers(set);
  const Image arm64 = two_layers(set, "arm64");
  const Descriptor index = add_index(set, {arm64, amd64});
  set.tag("v1", index);
  Served served;
  served.mount(set);
  EXPECT_EQ(served.names("tags/v1"),
            (Names{"image", "manifest.json", "oci", "referrers", "platforms", "host"}));
  EXPECT_EQ(served.link("tags/v1/manifest.json"), "../../indexes/" + index.digest.str());
  EXPECT_FALSE(served.exists("tags/v1/config.json"));
  EXPECT_FALSE(served.exists("tags/v1/layers"));
  const std::string pinned = "images/" + index.digest.str();
  EXPECT_EQ(served.names(pinned),
            (Names{"manifest.json", "oci", "referrers", "platforms", "host"}));
  for (const std::string& image : {std::string("tags/v1"), pinned}) {
    EXPECT_EQ(served.names(image + "/platforms"), (Names{"linux_amd64", "linux_arm64"}));
    EXPECT_EQ(served.link(image + "/platforms/linux_amd64"),
              "../../../images/" + amd64.manifest.digest.str());
    EXPECT_EQ(served.link(image + "/host"), "platforms/linux_amd64");
  }
  const std::string host = served.target("tags/v1/platforms/linux_arm64");
  EXPECT_EQ(served.link(host + "/config.json"), "../../configs/" + arm64.config.digest.str());
  // The type is in the path, whoever asks first.
  EXPECT_EQ(served.names("indexes"), Names{index.digest.str()});
  EXPECT_FALSE(served.exists("manifests/" + index.digest.str()));
  EXPECT_FALSE(served.exists("indexes/" + arm64.manifest.digest.str()));
}

TEST(Tree, HasNoHostWhereNoPlatformSuits) {
  ObjectSet set;
  set.tag("index", add_index(set, {two_layers(set)}));
  set.tag("plain", two_layers(set).manifest);
  Served served;
  MountSettings settings;
  settings.selection.platform.architecture = "s390x";
  served.mount(set, settings);
  EXPECT_EQ(served.names("tags/index"),
            (Names{"image", "manifest.json", "platforms", "oci", "referrers"}));
  EXPECT_EQ(served.names("tags/plain"), (Names{"image", "manifest.json", "platforms", "config.json",
                                               "layers", "rootfs", "oci", "referrers"}));
  EXPECT_FALSE(served.exists("tags/index/host"));
  EXPECT_FALSE(served.exists("tags/plain/host"));
}

TEST(Tree, GivesAPlainImagePlatformsAndAHostUnderItsTag) {
  ObjectSet set;
  const Image image = two_layers(set, "arm64");
  set.tag("v1", image.manifest);
  Served served;
  MountSettings settings;
  settings.selection.platform.architecture = "arm64";
  served.mount(set, settings);
  EXPECT_EQ(served.names("tags/v1/platforms"), Names{"linux_arm64"});
  EXPECT_EQ(served.target("tags/v1/platforms/linux_arm64"),
            "images/" + image.manifest.digest.str());
  EXPECT_EQ(served.link("tags/v1/host"), "platforms/linux_arm64");
}

TEST(Tree, NumbersLayersFromTheBaseWithAsManyDigitsAsItTakes) {
  ObjectSet set;
  const auto image_of = [&set](std::size_t count) {
    std::vector<test::Layer> layers;
    for (std::size_t i = 0; i < count; ++i) {
      layers.push_back(test::plain_layer({{.name = "file", .content = std::to_string(i)}}));
    }
    return add_image(set, layers);
  };
  for (const std::size_t count : {1U, 12U, 100U, 101U}) {
    set.tag("n" + std::to_string(count), image_of(count).manifest);
  }
  set.tag("n0", add_image(set, {}).manifest);
  Served served;
  served.mount(set);
  EXPECT_EQ(served.names("tags/n0/layers"), Names());
  EXPECT_EQ(served.names("tags/n1/layers"), Names{"00"});
  EXPECT_EQ(served.names("tags/n12/layers"),
            (Names{"00", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11"}));
  const Names hundred = served.names("tags/n100/layers");
  EXPECT_EQ(hundred.size(), 100U);
  EXPECT_TRUE(hundred.contains("00"));
  EXPECT_TRUE(hundred.contains("99"));
  const Names more = served.names("tags/n101/layers");
  EXPECT_EQ(more.size(), 101U);
  EXPECT_TRUE(more.contains("000"));
  EXPECT_TRUE(more.contains("100"));
  EXPECT_FALSE(more.contains("00"));
  // In a listing too they come in their order.
  std::string last;
  for (const auto& entry : served.kernel().list(served.kernel().walk("tags/n12/layers"))) {
    EXPECT_LT(last, entry.name);
    last = entry.name;
  }
}

TEST(Tree, KeepsDuplicateLayersApart) {  // MT-9: legal, and their order matters
  ObjectSet set;
  const auto layer = test::gzip_layer({{.name = "twice"}});
  const Image image = add_image(set, {layer, layer});
  set.tag("v1", image.manifest);
  Served served;
  served.mount(set);
  EXPECT_EQ(served.names("tags/v1/layers"), (Names{"00", "01"}));
  EXPECT_EQ(served.target("tags/v1/layers/00/blob"), served.target("tags/v1/layers/01/blob"));
  EXPECT_EQ(served.names("diffs"), Names{image.diff_ids[0].str()});
}

TEST(Tree, NamesPlatforms) {
  ObjectSet set;
  const Image plain = two_layers(set);
  const std::vector<std::string> entries = {
      index_entry(digest_text('1'), platform_member("linux", "aarch64", "v8")),
      index_entry(digest_text('2'), platform_member("Linux", "armhf")),
      index_entry(digest_text('3'), platform_member("windows", "amd64", "", "10.0.20348.2113")),
      index_entry(plain.manifest.digest.str(), platform_member("linux", "amd64")),
      index_entry(digest_text('4'), platform_member("linux", "x86_64")),
      index_entry(digest_text('5')),
      index_entry(digest_text('6'), platform_member("unknown", "unknown")),
      index_entry(digest_text('7'), platform_member("unknown", "unknown") +
                                        R"(,"annotations":{"vnd.docker.reference.type":)"
                                        R"("attestation-manifest"})"),
      index_entry(digest_text('8'), platform_member("..", "../../etc")),
      index_entry(digest_text('9'), platform_member("linux", std::string(300, 'a'))),
  };
  set.tag("v1", set.add(Endpoint::manifests, index_of(entries), kIndexType));
  Served served;
  served.mount(set);
  const Names expected = {
      "linux_arm64",                    // PLAT-1
      "linux_arm_v7",                   // PLAT-1
      "windows_amd64_10.0.20348.2113",  // PLAT-2
      "linux_amd64",                    // the first keeps the plain name
      "linux_amd64@444444444444",       // PLAT-2
      digest_text('5'),                 // no platform object
      digest_text('6'),                 // MT-8
      "-._..-..-etc",                   // M12
      "linux_" + std::string(64, 'a'),  // M12
  };
  EXPECT_EQ(served.names("tags/v1/platforms"), expected);
  EXPECT_EQ(served.target("tags/v1/platforms/linux_arm64"), "images/" + digest_text('1'));
  EXPECT_EQ(served.target("tags/v1/platforms/linux_amd64"),
            "images/" + plain.manifest.digest.str());
  EXPECT_EQ(served.target("tags/v1/platforms/linux_amd64@444444444444"),
            "images/" + digest_text('4'));
  // As the index spells them, on lookup only.
  EXPECT_EQ(served.target("tags/v1/platforms/linux_aarch64_v8"), "images/" + digest_text('1'));
  EXPECT_EQ(served.target("tags/v1/platforms/Linux_armhf"), "images/" + digest_text('2'));
  EXPECT_FALSE(served.exists("tags/v1/platforms/linux_arm64_v8"));
  EXPECT_FALSE(served.exists("tags/v1/platforms/unknown_unknown"));
  EXPECT_FALSE(served.exists("tags/v1/platforms/" + digest_text('7')));
  EXPECT_EQ(served.link("tags/v1/host"), "platforms/linux_amd64");
}

TEST(Tree, AnswersToTheSpellingOfAnIndex) {
  ObjectSet set;
  set.tag(
      "v1",
      set.add(Endpoint::manifests,
              index_of({index_entry(digest_text('1'), platform_member("linux", "arm64", "v8"))}),
              kIndexType));
  Served served;
  served.mount(set);
  EXPECT_EQ(served.names("tags/v1/platforms"), Names{"linux_arm64"});
  EXPECT_EQ(served.target("tags/v1/platforms/linux_arm64_v8"), "images/" + digest_text('1'));
}

TEST(Tree, ShowsWhatAnIndexHoldsThatIsNoImageAsABlob) {  // EP-6
  ObjectSet set;
  const Descriptor note = set.add(Endpoint::blobs, "just bytes", "text/plain");
  const std::string entry =
      R"({"mediaType":"text/plain","digest":")" + note.digest.str() + R"(","size":10})";
  set.tag("v1", set.add(Endpoint::manifests, index_of({entry}), kIndexType));
  Served served;
  served.mount(set);
  EXPECT_EQ(served.target("tags/v1/platforms/" + note.digest.str()), "blobs/" + note.digest.str());
  EXPECT_EQ(served.read("blobs/" + note.digest.str()).text, "just bytes");
}

TEST(Tree, ShowsTheHistoryOfLayersOnlyWherePaired) {  // CFG-2
  ObjectSet set;
  const auto layer = test::gzip_layer({{.name = "a"}});
  const Digest diff = digest_of(layer.diff);
  const auto blob = set.add(Endpoint::blobs, layer.blob, layer.media_type);
  const auto image_with = [&](const std::string& config_text) {
    const auto config = set.add(Endpoint::blobs, config_text, kConfigType);
    return set.add(Endpoint::manifests, test::manifest_json(config, {blob}), kManifestType);
  };
  const std::string start = R"({"architecture":"amd64","os":"linux","rootfs":{"type":"layers",)"
                            R"("diff_ids":[")" +
                            diff.str() + R"("]},"history":)";
  set.tag("skipping", image_with(start + R"([{"created_by":"ENV a=b","empty_layer":true},)"
                                         R"({"created_by":"COPY / /"}]})"));
  set.tag("too-long", image_with(start + R"([{"created_by":"one"},{"created_by":"two"}]})"));
  set.tag("unpaired", image_with(R"({"architecture":"amd64","os":"linux","rootfs":{"type":)"
                                 R"("layers","diff_ids":[]}})"));
  Served served;
  served.mount(set);
  EXPECT_EQ(served.read("tags/skipping/layers/00/created_by").text, "COPY / /\n");
  EXPECT_EQ(served.names("tags/too-long/layers/00"), (Names{"blob", "diff", "tree"}));
  EXPECT_EQ(served.names("tags/unpaired/layers/00"), Names{"blob"});
  const auto unpaired = served.problems("unpaired");
  ASSERT_EQ(unpaired.size(), 1U);
  EXPECT_EQ("images/" + unpaired[0].object, served.target("tags/unpaired/image"));
}

TEST(Tree, AnswersToTheColonFreeSpellingInEveryDigestDirectory) {
  ObjectSet set;
  const Image image = two_layers(set);
  const Descriptor index = add_index(set, {image});
  set.tag("v1", index);
  Served served;
  served.mount(set);
  served.names("images/" + image.manifest.digest.str() + "/layers");
  const std::vector<std::pair<std::string, Digest>> places = {
      {"images", image.manifest.digest},    {"indexes", index.digest},
      {"manifests", image.manifest.digest}, {"configs", image.config.digest},
      {"blobs", image.layers[0].digest},    {"diffs", image.diff_ids[0]},
  };
  for (const auto& [folder, digest] : places) {
    const std::string path = folder + "/" + hyphenated(digest);
    const auto entry = served.entry(path);
    EXPECT_TRUE(S_ISLNK(entry.attr.mode)) << path;
    EXPECT_EQ(served.link(path), digest.str()) << path;
    EXPECT_FALSE(served.names(folder).contains(hyphenated(digest))) << path;
    // Of what is not there it is absent as well.
    EXPECT_FALSE(served.exists(folder + "/sha256-" + std::string(64, '0'))) << folder;
  }
}

TEST(Tree, HasNoSuchTagOrDigest) {
  ObjectSet set;
  set.tag("v1", two_layers(set).manifest);
  Served served;
  served.mount(set);
  EXPECT_FALSE(served.exists("tags/v2"));
  for (const std::string folder : {"images", "indexes", "manifests", "configs", "blobs", "diffs"}) {
    EXPECT_FALSE(served.exists(folder + "/" + kNowhere)) << folder;
  }
  EXPECT_FALSE(served.exists("nothing"));
  EXPECT_FALSE(served.exists("tags/v1/nothing"));
  EXPECT_FALSE(served.exists("tags/v1/layers/02"));
  EXPECT_FALSE(served.exists("tags/v1/layers/0"));
}

TEST(Tree, AsksNobodyForWhatIsNoTagOrDigest) {  // DEC-4
  ObjectSet set;
  set.tag("v1", two_layers(set).manifest);
  Served served;
  served.mount(set);
  const auto fetches = served.source.fetches();
  for (const std::string& name :
       {std::string("-v1"), std::string(".hidden"), std::string("a b"), std::string(129, 'a')}) {
    EXPECT_FALSE(served.exists("tags/" + name)) << name;
  }
  for (const std::string folder : {"images", "indexes", "manifests", "configs", "blobs", "diffs"}) {
    for (const std::string& name : {std::string("sha256:"), "sha256:" + std::string(64, 'A'),
                                    "sha256:" + std::string(63, '0'), std::string(64, '0'),
                                    std::string("md5"), "SHA256:" + std::string(64, '0')}) {
      EXPECT_FALSE(served.exists(folder + "/" + name)) << folder << name;
    }
  }
  EXPECT_EQ(served.source.resolves(), 0U);
  EXPECT_EQ(served.source.finds(), 0U);
  EXPECT_EQ(served.source.fetches(), fetches);
}

TEST(Tree, ListsWhatIsKnownAndAsksOnLookup) {
  ObjectSet set;
  const Image image = two_layers(set);
  const Image other = two_layers(set, "arm64");
  const Descriptor index = add_index(set, {other});
  set.tag("v1", image.manifest);
  Served served;
  served.mount(set);
  for (const std::string folder : {"images", "indexes", "manifests", "configs", "blobs", "diffs"}) {
    EXPECT_EQ(served.names(folder), Names()) << folder;
  }
  EXPECT_EQ(served.source.fetches(), 0U);

  served.names("tags/v1");
  EXPECT_EQ(served.names("manifests"), Names{image.manifest.digest.str()});
  EXPECT_EQ(served.names("configs"), Names{image.config.digest.str()});
  EXPECT_EQ(served.names("images"), Names());
  EXPECT_EQ(served.names("blobs"), (Names{image.config.digest.str(), image.layers[0].digest.str(),
                                          image.layers[1].digest.str()}));
  EXPECT_EQ(served.names("diffs"), (Names{image.diff_ids[0].str(), image.diff_ids[1].str()}));
  EXPECT_EQ(served.source.fetches(), 2U);  // manifest and config

  // By name whatever the repository has, at one GET for a document.
  EXPECT_TRUE(served.exists("indexes/" + index.digest.str()));
  EXPECT_EQ(served.source.fetches(index.digest), 1U);
  EXPECT_EQ(served.read("indexes/" + index.digest.str()).text,
            set.objects().at(index.digest).bytes);
  EXPECT_EQ(served.source.fetches(index.digest), 1U);
  EXPECT_TRUE(served.names("indexes").contains(index.digest.str()));
  EXPECT_EQ(served.source.finds(), 0U);
}

TEST(Tree, AsksForAnUnknownManifestOnce) {
  ObjectSet set;
  const Image image = two_layers(set);
  Served served;
  served.mount(set);
  const std::string digest = image.manifest.digest.str();
  EXPECT_FALSE(served.exists("indexes/" + digest));
  EXPECT_TRUE(served.exists("manifests/" + digest));
  EXPECT_TRUE(served.exists("images/" + digest));
  EXPECT_EQ(served.source.fetches(image.manifest.digest), 1U);
  EXPECT_EQ(served.source.fetches(), 1U);
  EXPECT_EQ(served.names("images"), Names{digest});
}

TEST(Tree, AsksWhetherAnUnknownBlobExists) {
  ObjectSet set;
  const Image image = two_layers(set);
  Served served;
  served.mount(set);
  const std::string path = "blobs/" + image.layers[0].digest.str();
  EXPECT_TRUE(served.exists(path));
  EXPECT_EQ(served.source.finds(), 1U);
  EXPECT_EQ(served.source.fetches(), 0U);
  EXPECT_EQ(served.attributes(path).size, set.objects().at(image.layers[0].digest).bytes.size());
  EXPECT_TRUE(served.exists(path));
  EXPECT_EQ(served.source.finds(), 1U);
  EXPECT_EQ(served.names("blobs"), Names{image.layers[0].digest.str()});
}

TEST(Tree, TakesForAConfigOnlyASmallBlobThatParsesAsOne) {
  ObjectSet set;
  const Image image = two_layers(set);
  const auto note = set.add(Endpoint::blobs, R"({"just":"json"})");
  const auto large = set.add(
      Endpoint::blobs, R"({"architecture":"amd64","os":"linux"})" + std::string(8 << 20, ' '));
  Served served;
  served.mount(set);
  EXPECT_TRUE(served.exists("configs/" + image.config.digest.str()));
  EXPECT_EQ(served.source.fetches(image.config.digest), 1U);
  EXPECT_FALSE(served.exists("configs/" + note.digest.str()));
  EXPECT_FALSE(served.exists("configs/" + large.digest.str()));
  EXPECT_EQ(served.source.fetches(large.digest), 0U);  // its size is enough to know
  EXPECT_FALSE(served.exists("configs/" + image.layers[0].digest.str()));
  // As blobs they are all there.
  EXPECT_EQ(served.read("blobs/" + note.digest.str()).text, R"({"just":"json"})");
  EXPECT_EQ(served.attributes("blobs/" + large.digest.str()).size, large.size);
}

TEST(Tree, ReadsABlobThatWasLookedForAsAManifestFirst) {
  // One place's refusal must not be taken for another's: the digest is a blob all along.
  ObjectSet set;
  const auto blob = set.add(Endpoint::blobs, "no manifest");
  Served served;
  served.mount(set);
  const std::string digest = blob.digest.str();
  EXPECT_FALSE(served.exists("manifests/" + digest));
  EXPECT_FALSE(served.exists("images/" + digest));
  EXPECT_FALSE(served.exists("configs/" + digest));
  const auto content = served.read("blobs/" + digest);
  EXPECT_EQ(content.error, 0);
  EXPECT_EQ(content.text, "no manifest");
}

TEST(Tree, KnowsADiffOnlyOnceItWasMetOrCached) {
  ObjectSet set;
  const Image image = two_layers(set);
  set.tag("v1", image.manifest);
  Served served;
  served.mount(set);
  const std::string diff = "diffs/" + image.diff_ids[0].str();
  EXPECT_FALSE(served.exists(diff));  // no registry can be asked for one
  served.names("tags/v1/layers");
  EXPECT_EQ(served.read(diff).error, 0);
  served.mount();
  EXPECT_TRUE(served.exists(diff));
  EXPECT_FALSE(served.exists("diffs/" + image.diff_ids[1].str()));
  EXPECT_EQ(served.read(diff).text, test::tar({{.name = "base", .content = "amd64"}}));
}

TEST(Tree, AsksForATagThatIsMissingFromAFreshList) {
  ObjectSet set;
  const Image image = two_layers(set);
  set.tag("v1", image.manifest);
  Served served;
  served.mount(set);
  EXPECT_EQ(served.names("tags"), Names{"v1"});
  served.source.tag("v2", image.manifest);
  EXPECT_TRUE(served.exists("tags/v2"));
  EXPECT_EQ(served.source.lists(), 1U);
  EXPECT_EQ(served.source.resolves(), 1U);
  EXPECT_EQ(served.target("tags/v2/image"), "images/" + image.manifest.digest.str());
  EXPECT_EQ(served.source.resolves(), 1U);
}

TEST(Tree, ListsAllTagsWithoutResolvingAny) {
  ObjectSet set;
  const Image image = two_layers(set);
  Names tags;
  for (int i = 0; i < 300; ++i) {
    const std::string tag = "t" + std::to_string(i);
    set.tag(tag, image.manifest);
    tags.insert(tag);
  }
  Served served;
  served.source.set_page_size(100);
  served.mount(set);
  EXPECT_EQ(served.source.lists(), 1U);  // promise 4: the first page only
  EXPECT_EQ(served.names("tags"), tags);
  EXPECT_EQ(served.source.lists(), 3U);
  EXPECT_EQ(served.source.resolves(), 0U);
  EXPECT_EQ(served.source.fetches(), 0U);
}

TEST(Tree, L1ListsTagsOnceHoweverOftenTheKernelComesBackForMore) {  // promise 4
  ObjectSet set;
  const Image image = two_layers(set);
  for (int i = 0; i < 300; ++i) set.tag("t" + std::to_string(i), image.manifest);
  Served served;
  MountSettings settings;
  settings.selection.tag_ttl = Clock::duration::zero();
  served.mount(set, settings);
  for (std::size_t listing = 1; listing <= 3; ++listing) {
    EXPECT_EQ(served.names("tags").size(), 300U);
    EXPECT_EQ(served.source.lists(), 1 + listing) << "the first was for mounting";
  }
}

TEST(Tree, M16FollowsATagThatMoves) {
  ObjectSet set;
  const Image before = two_layers(set);
  const Image after = two_layers(set, "arm64");
  set.tag("v1", before.manifest);
  Served served;
  MountSettings settings;
  settings.selection.tag_ttl = Clock::duration::zero();
  served.mount(set, settings);
  EXPECT_EQ(served.target("tags/v1/image"), "images/" + before.manifest.digest.str());
  served.source.tag("v1", after.manifest);
  EXPECT_EQ(served.target("tags/v1/image"), "images/" + after.manifest.digest.str());
  EXPECT_EQ(served.target("tags/v1/config.json"), "configs/" + after.config.digest.str());
  EXPECT_EQ(served.names("tags/v1/platforms"), Names{"linux_arm64"});
  EXPECT_EQ(served.link("images/" + before.manifest.digest.str() + "/config.json"),
            "../../configs/" + before.config.digest.str());
  served.source.untag("v1");
  EXPECT_FALSE(served.exists("tags/v1"));
}

TEST(Tree, LeavesHostileTagsOut) {
  ObjectSet set;
  set.tag("good", two_layers(set).manifest);
  Served served;
  served.source.add_left_out({"..", "it is no tag"});
  served.source.add_left_out({std::string(256, 'a'), "it is no tag"});
  served.mount(set);
  EXPECT_EQ(served.names("tags"), Names{"good"});
  const auto problems = served.problems("bad-name");
  ASSERT_EQ(problems.size(), 2U);
  EXPECT_EQ(problems[0].object, "..");
  EXPECT_EQ(problems[1].object, std::string(256, 'a'));
  EXPECT_EQ(problems[0].source, served.source.name());
}

TEST(Tree, LeavesHostileEntriesOfAnIndexOut) {
  ObjectSet set;
  const Image good = two_layers(set);
  const Descriptor index = set.add(
      Endpoint::manifests,
      index_of({index_entry("sha256:../../../../etc/passwd", platform_member("linux", "s390x")),
                index_entry("sha256:" + std::string(64, 'F'), platform_member("linux", "386")),
                index_entry(good.manifest.digest.str(), platform_member("linux", "amd64"))}),
      kIndexType);
  set.tag("v1", index);
  Served served;
  served.mount(set);
  EXPECT_EQ(served.names("tags/v1/platforms"), Names{"linux_amd64"});
  EXPECT_EQ(served.names(served.target("tags/v1/platforms/linux_amd64") + "/layers"),
            (Names{"00", "01"}));
  const auto problems = served.problems("bad-document");
  ASSERT_EQ(problems.size(), 2U);
  for (const auto& problem : problems) EXPECT_EQ(problem.object, index.digest.str());
  EXPECT_NE(problems[0].detail.find("entry 0"), std::string::npos);
  EXPECT_NE(problems[1].detail.find("entry 1"), std::string::npos);
}

TEST(Tree, M9KeepsTheNumbersOfLayersBesideABadOne) {
  ObjectSet set;
  const Image good = two_layers(set);
  const std::string layer = good.layers[1].digest.str();
  const std::string text =
      R"({"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json",)"
      R"("digest":")" +
      good.config.digest.str() + R"(","size":2},"layers":[{"digest":"sha256:..","size":1},)" +
      R"({"digest":")" + layer + R"(","size":)" + std::to_string(good.layers[1].size.value()) +
      "}]}";
  set.tag("v1", set.add(Endpoint::manifests, text, kManifestType));
  Served served;
  served.mount(set);
  EXPECT_EQ(served.names("tags/v1/layers"), (Names{"00", "01"}));
  EXPECT_FALSE(served.exists("tags/v1/layers/00/blob"));
  EXPECT_EQ(served.target("tags/v1/layers/01/blob"), "blobs/" + layer);
  EXPECT_EQ(served.read(served.target("tags/v1/layers/01/diff")).text,
            test::tar({{.name = "top", .content = "amd64!"}}));
  EXPECT_EQ(served.problems("bad-document").size(), 1U);
}

TEST(Tree, ShowsTheBytesOfAManifestItCannotRead) {
  ObjectSet set;
  const auto broken = set.add(Endpoint::manifests, "{ no json", kManifestType);
  set.tag("broken", broken);
  set.tag("good", two_layers(set).manifest);
  Served served;
  served.mount(set);
  EXPECT_EQ(served.names("tags/broken"), (Names{"image", "manifest.json"}));
  EXPECT_EQ(served.read(served.target("tags/broken/manifest.json")).text, "{ no json");
  EXPECT_EQ(served.error_of("tags/broken/layers"), EIO);
  EXPECT_EQ(served.error_of("tags/broken/config.json"), EIO);
  EXPECT_EQ(served.names("tags/good/layers"), (Names{"00", "01"}));
  const auto problems = served.problems("bad-document");
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].object, broken.digest.str());
}

TEST(Tree, ShowsAnImageWhoseConfigCannotBeRead) {
  ObjectSet set;
  const auto layer = test::gzip_layer({{.name = "a"}});
  const auto blob = set.add(Endpoint::blobs, layer.blob, layer.media_type);
  const auto config = set.add(Endpoint::blobs, "[]", kConfigType);
  const auto manifest =
      set.add(Endpoint::manifests, test::manifest_json(config, {blob}), kManifestType);
  set.tag("v1", manifest);
  Served served;
  served.mount(set);
  EXPECT_EQ(served.names("tags/v1"), (Names{"image", "manifest.json", "config.json", "layers",
                                            "rootfs", "oci", "referrers", "platforms"}));
  EXPECT_EQ(served.names("tags/v1/platforms"), Names{manifest.digest.str()});
  EXPECT_EQ(served.names("tags/v1/layers/00"), Names{"blob"});
  EXPECT_EQ(served.read(served.target("tags/v1/config.json")).text, "[]");
  EXPECT_EQ(served.problems("bad-document").size(), 1U);
}

TEST(Tree, ShowsOnlyTheSelectedTag) {
  ObjectSet set;
  const Image image = two_layers(set);
  set.tag("v1", image.manifest);
  set.tag("v2", image.manifest);
  Served served;
  MountSettings settings;
  settings.selection.tag = "v2";
  served.mount(set, settings);
  EXPECT_EQ(served.names("tags"), Names{"v2"});
  EXPECT_FALSE(served.exists("tags/v1"));
  EXPECT_EQ(served.target("tags/v2/image"), "images/" + image.manifest.digest.str());
  EXPECT_EQ(served.source.lists(), 0U);
}

TEST(Tree, ShowsOnlyTheSelectedDigest) {
  ObjectSet set;
  const Image image = two_layers(set);
  set.tag("v1", image.manifest);
  Served served;
  MountSettings settings;
  settings.selection.digest = image.manifest.digest;
  served.mount(set, settings);
  EXPECT_EQ(served.names("tags"), Names());
  EXPECT_FALSE(served.exists("tags/v1"));
  EXPECT_EQ(served.names("images"), Names{image.manifest.digest.str()});
  EXPECT_EQ(served.names("images/" + image.manifest.digest.str() + "/layers"), (Names{"00", "01"}));
  EXPECT_EQ(served.source.lists(), 0U);
  EXPECT_EQ(served.source.resolves(), 0U);
}

/// Walks everything below a directory and through every link, as `find -L` does.
class Walker {
 public:
  explicit Walker(Served& served) : served_(served) {}

  void walk(const std::string& path) {
    ASSERT_LT(path.size(), 4000U) << "a walk that does not end";
    const auto inode = served_.kernel().walk(path);
    for (const auto above : above_) ASSERT_NE(above, inode) << path << " leads back up";
    above_.push_back(inode);
    for (const auto& entry : served_.kernel().list(inode)) {
      std::string below = path.empty() ? entry.name : path + "/" + entry.name;
      while (S_ISLNK(served_.attributes(below).mode)) below = served_.target(below);
      ++seen_;
      // Who enters a tree wants its layer.
      if (entry.name == "tree" || entry.name == "rootfs") continue;
      if (S_ISDIR(served_.attributes(below).mode)) walk(below);
    }
    above_.pop_back();
  }

  [[nodiscard]] std::size_t seen() const { return seen_; }

 private:
  Served& served_;
  std::vector<std::uint64_t> above_;
  std::size_t seen_ = 0;
};

TEST(Tree, EndsAWalkThatFollowsEveryLink) {
  ObjectSet set;
  const Image amd64 = two_layers(set);
  const Image arm64 = two_layers(set, "arm64");
  const Descriptor index = add_index(set, {amd64, arm64});
  const Descriptor nested =
      set.add(Endpoint::manifests,
              std::string(R"({"schemaVersion":2,"manifests":[{"mediaType":")") + kIndexType +
                  R"(","digest":")" + index.digest.str() + R"(","size":)" +
                  std::to_string(index.size.value()) + R"(}]})",
              kIndexType);
  set.tag("plain", amd64.manifest);
  set.tag("index", index);
  set.tag("nested", nested);
  Served served;
  served.mount(set);
  Walker walker(served);
  walker.walk("");
  EXPECT_GT(walker.seen(), 100U);
  for (const auto& layer : amd64.layers) EXPECT_EQ(served.source.fetches(layer.digest), 0U);
}

}  // namespace
}  // namespace digestfs::fs
