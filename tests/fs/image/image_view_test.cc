// SPDX-License-Identifier: Apache-2.0
#include "fs/image/image_view.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/served.h"

// Documents that are not the plain OCI image or index of the other tests.

namespace digestfs::fs {
namespace {

using registry::Descriptor;
using registry::Endpoint;
using test::ObjectSet;
using test::Served;

using Names = std::set<std::string>;

constexpr const char* kOciIndex = "application/vnd.oci.image.index.v1+json";
constexpr const char* kOciManifest = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kOciConfig = "application/vnd.oci.image.config.v1+json";
constexpr const char* kDockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
constexpr const char* kDockerList = "application/vnd.docker.distribution.manifest.list.v2+json";
constexpr const char* kDockerConfig = "application/vnd.docker.container.image.v1+json";
constexpr const char* kDockerLayer = "application/vnd.docker.image.rootfs.diff.tar.gzip";
constexpr const char* kSchema1 = "application/vnd.docker.distribution.manifest.v1+json";

std::string descriptor_text(const Descriptor& descriptor, const std::string& rest = {}) {
  return R"({"mediaType":")" + descriptor.media_type + R"(","digest":")" + descriptor.digest.str() +
         R"(","size":)" + std::to_string(descriptor.size.value()) + rest + "}";
}

std::string manifest_text(const std::string& media_type, const Descriptor& config,
                          const Descriptor& layer) {
  return R"({"schemaVersion":2,"mediaType":")" + media_type + R"(","config":)" +
         descriptor_text(config) + R"(,"layers":[)" + descriptor_text(layer) + "]}";
}

TEST(ImageView, ShowsADockerImageAndItsList) {  // MT-1
  ObjectSet set;
  const auto layer = test::gzip_layer({{.name = "a"}});
  const auto blob = set.add(Endpoint::blobs, layer.blob, kDockerLayer);
  const auto config =
      set.add(Endpoint::blobs, test::config_json({digest_of(layer.diff)}), kDockerConfig);
  const auto manifest =
      set.add(Endpoint::manifests, manifest_text(kDockerManifest, config, blob), kDockerManifest);
  const auto list = set.add(
      Endpoint::manifests,
      R"({"schemaVersion":2,"mediaType":")" + std::string(kDockerList) + R"(","manifests":[)" +
          descriptor_text(manifest, R"(,"platform":{"architecture":"amd64","os":"linux"})") + "]}",
      kDockerList);
  set.tag("list", list);
  Served served;
  served.mount(set);
  EXPECT_EQ(served.target("tags/list/manifest.json"), "indexes/" + list.digest.str());
  const std::string image = served.target("tags/list/platforms/linux_amd64");
  EXPECT_EQ(image, "images/" + manifest.digest.str());
  EXPECT_EQ(served.target(image + "/config.json"), "configs/" + config.digest.str());
  EXPECT_EQ(served.xattr(image, "user.oci.mediaType"), kDockerManifest);
  EXPECT_EQ(served.read(served.target(image + "/layers/00/diff")).text, layer.diff);
}

TEST(ImageView, GoesByTheBytesWhereTheSourceDoesNotSayWhatTheyAre) {  // MT-3
  ObjectSet set;
  const auto image = add_image(set, {test::gzip_layer({{.name = "a"}})});
  auto index = add_index(set, {image});
  index.media_type.clear();
  set.tag("v1", index);
  Served served;
  served.mount(set);
  EXPECT_EQ(served.names("tags/v1"),
            (Names{"image", "manifest.json", "oci", "referrers", "platforms", "host"}));
  EXPECT_EQ(served.target("tags/v1/manifest.json"), "indexes/" + index.digest.str());
  EXPECT_EQ(served.names("indexes"), Names{index.digest.str()});
  EXPECT_EQ(served.names("manifests"), Names{image.manifest.digest.str()});
  EXPECT_FALSE(served.exists("manifests/" + index.digest.str()));
}

// Helm charts and models: only images had a config.json.
TEST(ImageView, LinksTheConfigOfAnArtifactToItsBlob) {  // MT-7
  ObjectSet set;
  const auto config =
      set.add(Endpoint::blobs, R"({"name":"chart"})", "application/vnd.cncf.helm.config.v1+json");
  const auto chart = set.add(Endpoint::blobs, "chart", "application/vnd.cncf.helm.chart.v1+tar");
  set.tag("v1",
          set.add(Endpoint::manifests, manifest_text(kOciManifest, config, chart), kOciManifest));
  Served served;
  served.mount(set);
  EXPECT_TRUE(served.names("tags/v1").contains("config.json"));
  EXPECT_EQ(served.target("tags/v1/config.json"), "blobs/" + config.digest.str());
  EXPECT_EQ(served.read(served.target("tags/v1/config.json")).text, R"({"name":"chart"})");
}

// A title with a folder was shown with underscores; one that leads out was shown as if it were
// harmless.
TEST(ImageView, M14ShowsTitlesWithFoldersAsFoldersAndOthersByDigest) {  // MT-7
  ObjectSet set;
  const auto config = set.add(Endpoint::blobs, "{}", "application/vnd.oci.empty.v1+json");
  auto guide = set.add(Endpoint::blobs, "guide", "text/plain");
  guide.annotations["org.opencontainers.image.title"] = "docs/en/guide.md";
  auto index = set.add(Endpoint::blobs, "index", "text/plain");
  index.annotations["org.opencontainers.image.title"] = "docs/index.md";
  auto evil = set.add(Endpoint::blobs, "evil", "text/plain");
  evil.annotations["org.opencontainers.image.title"] = "../../evil";
  set.tag("v1", set.add(Endpoint::manifests, test::manifest_json(config, {guide, index, evil}),
                        kOciManifest));
  Served served;
  served.mount(set);
  EXPECT_EQ(served.names("tags/v1/files"), (Names{"docs", evil.digest.str()}));
  EXPECT_EQ(served.names("tags/v1/files/docs"), (Names{"en", "index.md"}));
  EXPECT_EQ(served.names("tags/v1/files/docs/en"), Names{"guide.md"});
  for (const auto& [path, text] : {std::pair("tags/v1/files/docs/en/guide.md", "guide"),
                                   std::pair("tags/v1/files/docs/index.md", "index")}) {
    EXPECT_EQ(served.read(served.target(path)).text, text) << path;
  }
  EXPECT_EQ(served.read(served.target("tags/v1/files/" + evil.digest.str())).text, "evil");
  EXPECT_EQ(served.problems("bad-name").size(), 1U);
}

TEST(ImageView, LeadsFromALayerToTheTarThatAStoreCanGive) {  // LOC-5
  ObjectSet set;
  const auto packed = test::gzip_layer({{.name = "packed"}});
  const auto image = test::add_image(set, {packed, test::plain_layer({{.name = "plain"}})});
  const auto diff = set.add(Endpoint::blobs, packed.diff);
  set.tag("v1", image.manifest);
  Served served;
  served.source.keep_diffs();
  served.mount(set);
  EXPECT_EQ(served.target("tags/v1/layers/00/blob"), "diffs/" + diff.digest.str());
  EXPECT_EQ(served.read(served.target("tags/v1/layers/00/blob")).text, packed.diff);
  EXPECT_EQ(served.target("tags/v1/layers/01/blob"), "blobs/" + image.layers[1].digest.str());
  EXPECT_EQ(served.source.fetches(image.layers[0].digest), 0U);
}

TEST(ImageView, ShowsTheLayersOfAnArtifactAsTheyAre) {  // MT-7
  ObjectSet set;
  const auto empty = set.add(Endpoint::blobs, "{}", "application/vnd.oci.empty.v1+json");
  const auto text = set.add(Endpoint::blobs, "not a layer at all", "text/plain");
  const auto artifact =
      set.add(Endpoint::manifests, manifest_text(kOciManifest, empty, text), kOciManifest);
  set.tag("v1", artifact);
  Served served;
  served.mount(set);
  EXPECT_EQ(served.names("tags/v1"),
            (Names{"image", "manifest.json", "layers", "oci", "referrers"}));
  EXPECT_FALSE(served.exists("tags/v1/config.json"));
  EXPECT_FALSE(served.exists("tags/v1/platforms"));
  EXPECT_EQ(served.names("tags/v1/layers/00"), Names{"blob"});
  EXPECT_EQ(served.read(served.target("tags/v1/layers/00/blob")).text, "not a layer at all");
  EXPECT_EQ(served.names("configs"), Names());
  // What is no image config is not read as one (MT-7), but it is a blob like any other.
  EXPECT_EQ(served.source.fetches(empty.digest), 0U);
  EXPECT_EQ(served.read("blobs/" + empty.digest.str()).text, "{}");
  EXPECT_EQ(served.xattr("tags/v1", "user.oci.artifactType"), "application/vnd.oci.empty.v1+json");
}

TEST(ImageView, ShowsTheLayersOfSchema1FromTheBase) {  // MT-6
  ObjectSet set;
  const auto base = set.add(Endpoint::blobs, test::gzip_layer({{.name = "base"}}).blob);
  const auto top = set.add(Endpoint::blobs, test::gzip_layer({{.name = "top"}}).blob);
  const auto history = [](const std::string& id, const std::string& command) {
    return R"({"v1Compatibility":"{\"id\":\")" + id + R"(\",\"container_config\":{\"Cmd\":[\")" +
           command + R"(\"]}}"})";
  };
  const auto manifest = set.add(
      Endpoint::manifests,
      R"({"schemaVersion":1,"name":"a","tag":"v1","architecture":"amd64","fsLayers":[)"
      R"({"blobSum":")" +
          top.digest.str() + R"("},{"blobSum":")" + base.digest.str() + R"("}],"history":[)" +
          history("2", "make top") + "," + history("1", "make base") + "]}",
      kSchema1);
  set.tag("v1", manifest);
  Served served;
  served.mount(set);
  EXPECT_EQ(served.names("tags/v1"),
            (Names{"image", "manifest.json", "layers", "oci", "referrers"}));
  EXPECT_EQ(served.target("tags/v1/manifest.json"), "manifests/" + manifest.digest.str());
  EXPECT_EQ(served.names("tags/v1/layers/00"), (Names{"blob", "created_by"}));
  EXPECT_EQ(served.target("tags/v1/layers/00/blob"), "blobs/" + base.digest.str());
  EXPECT_EQ(served.read("tags/v1/layers/00/created_by").text, "make base\n");
  EXPECT_EQ(served.target("tags/v1/layers/01/blob"), "blobs/" + top.digest.str());
  EXPECT_EQ(served.read("tags/v1/layers/01/created_by").text, "make top\n");
  // Nobody says how large they are, until they are read.
  const std::string blob = "blobs/" + base.digest.str();
  EXPECT_EQ(served.attributes(blob).size, 1U);
  EXPECT_EQ(served.xattr(blob, "user.digestfs.size"), "estimate");
  EXPECT_EQ(served.read(blob).text.size(), base.size);
  EXPECT_EQ(served.attributes(blob).size, base.size);
}

TEST(ImageView, HasNoDiffOfAnEncryptedLayer) {  // DEC-h
  ObjectSet set;
  const auto blob = set.add(Endpoint::blobs, test::noise(500),
                            "application/vnd.oci.image.layer.v1.tar+gzip+encrypted");
  const Digest diff = digest_of("what only the key could tell");
  const auto config = set.add(Endpoint::blobs, test::config_json({diff}), kOciConfig);
  set.tag("v1",
          set.add(Endpoint::manifests, manifest_text(kOciManifest, config, blob), kOciManifest));
  Served served;
  served.mount(set);
  EXPECT_EQ(served.names("tags/v1/layers/00"), (Names{"blob", "created_by"}));
  EXPECT_EQ(served.names("diffs"), Names());
  EXPECT_FALSE(served.exists("diffs/" + diff.str()));
  EXPECT_EQ(served.read(served.target("tags/v1/layers/00/blob")).text, test::noise(500));
  EXPECT_EQ(served.xattr("blobs/" + blob.digest.str(), "user.oci.diffID"), std::nullopt);
}

TEST(ImageView, M5OfAWrongTypeIsRefusedToWhoWasToldItOnly) {  // EP-2, MT-4
  ObjectSet set;
  const auto image = add_image(set, {test::gzip_layer({{.name = "a"}})});
  const Digest& digest = image.manifest.digest;
  Descriptor lie = image.manifest;
  lie.media_type = kOciIndex;
  set.tag("liar", set.add(Endpoint::manifests, test::index_json({lie}), kOciIndex));
  set.tag("bad", lie);
  set.tag("good", image.manifest);
  Served served;
  served.mount(set);
  // Who lies is asked first.
  served.names("tags/liar/oci/blobs/sha256");
  EXPECT_EQ(served.error_of("tags/bad/config.json"), EIO);
  EXPECT_EQ(served.error_of("tags/bad/platforms"), EIO);
  EXPECT_EQ(served.names("tags/bad"), (Names{"image", "manifest.json"}));
  EXPECT_EQ(served.target("tags/bad/manifest.json"), "manifests/" + digest.str());
  EXPECT_EQ(served.target("tags/good/config.json"), "configs/" + image.config.digest.str());
  EXPECT_EQ(served.target("tags/good/platforms/linux_amd64"), "images/" + digest.str());
  EXPECT_TRUE(served.exists("images/" + digest.str() + "/layers"));
  EXPECT_TRUE(served.exists("manifests/" + digest.str()));
  EXPECT_FALSE(served.exists("indexes/" + digest.str()));
  EXPECT_EQ(served.problems("bad-document").size(), 1U);
}

TEST(ImageView, M5OfADocumentThatDoesNotSayWhatItIsFollowsWhoRefersToIt) {  // MT-3, EP-2
  ObjectSet set;
  auto silent = set.add(Endpoint::manifests, R"({"schemaVersion":2})");
  set.tag("untyped", silent);
  silent.media_type = kOciIndex;
  set.tag("index", silent);
  silent.media_type = kOciManifest;
  set.tag("manifest", silent);
  Served served;
  served.mount(set);
  EXPECT_EQ(served.error_of("tags/untyped/layers"), EIO);
  EXPECT_EQ(served.names("tags/index/platforms"), Names());
  EXPECT_FALSE(served.exists("tags/index/layers"));
  EXPECT_TRUE(served.exists("tags/manifest/layers"));
  EXPECT_EQ(served.target("tags/index/manifest.json"), "indexes/" + silent.digest.str());
  EXPECT_EQ(served.target("tags/manifest/manifest.json"), "manifests/" + silent.digest.str());
  EXPECT_TRUE(served.exists("indexes/" + silent.digest.str()));
  EXPECT_TRUE(served.exists("manifests/" + silent.digest.str()));
}

/// An image of one layer with the file `a`, whose manifest says `size` of the layer's blob.
Descriptor image_with_size(ObjectSet& set, std::uint64_t size) {
  const auto layer = test::gzip_layer({{.name = "a", .content = "content"}});
  auto blob = set.add(Endpoint::blobs, layer.blob, layer.media_type);
  blob.size = size;
  const auto config =
      set.add(Endpoint::blobs, test::config_json({digest_of(layer.diff)}), kOciConfig);
  return set.add(Endpoint::manifests, test::manifest_json(config, {blob}), kOciManifest);
}

TEST(ImageView, M8OfAWrongSizeOfALayerIsBarredToThatImageOnly) {  // design, "Settled"
  const auto layer = test::gzip_layer({{.name = "a", .content = "content"}});
  const std::uint64_t size = layer.blob.size();
  const std::string diff = digest_of(layer.diff).str();
  for (const std::uint64_t wrong : {size + 1, size - 1, std::uint64_t{0}}) {
    ObjectSet set;
    set.tag("good", image_with_size(set, size));
    set.tag("bad", image_with_size(set, wrong));
    Served served;
    served.mount(set);
    const auto expect_barred = [&] {
      EXPECT_EQ(served.error_of("tags/bad/layers/00/tree/a"), EIO) << wrong;
      EXPECT_EQ(served.error_of("tags/bad/rootfs/a"), EIO) << wrong;
      EXPECT_EQ(served.read("tags/good/rootfs/a").text, "content") << wrong;
      EXPECT_EQ(served.read("tags/good/layers/00/tree/a").text, "content") << wrong;
      EXPECT_EQ(served.read("trees/" + diff + "/a").text, "content") << wrong;
      const auto problems = served.problems("size-mismatch");
      ASSERT_EQ(problems.size(), 1U) << wrong;
      EXPECT_EQ(problems[0].promised_size, wrong);
      EXPECT_EQ(problems[0].actual_size, size);
    };
    expect_barred();
    EXPECT_EQ(served.read(served.target("tags/bad/layers/00/blob")).text, layer.blob);
    EXPECT_EQ(served.read(served.target("tags/bad/layers/00/diff")).text, layer.diff);
    // What is in the cache already is measured as well, whoever comes first.
    served.mount();
    expect_barred();
  }
}

TEST(ImageView, M8IsNotWhatADamagedFileInTheCacheHas) {  // promise 2
  ObjectSet set;
  const auto layer = test::gzip_layer({{.name = "a", .content = "content"}});
  set.tag("good", image_with_size(set, layer.blob.size()));
  Served served;
  served.mount(set);
  EXPECT_EQ(served.read("tags/good/rootfs/a").text, "content");
  const auto path = served.cached("blobs", digest_of(layer.blob));
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  std::ofstream(path, std::ios::binary | std::ios::trunc) << "not what it was";
  served.mount();
  EXPECT_EQ(served.read("tags/good/rootfs/a").text, "content");
  EXPECT_EQ(served.problems("size-mismatch").size(), 0U);
  EXPECT_EQ(served.problems("cache-damaged").size(), 1U);
}

/// An image in an index in an index, of so many levels of indexes.
Descriptor nested(ObjectSet& set, Descriptor image, int levels) {
  for (int i = 0; i < levels; ++i) {
    image = set.add(Endpoint::manifests, test::index_json({image}), kOciIndex);
  }
  return image;
}

TEST(ImageView, M11OfNestedIndexesIsFlat) {  // MT-5
  ObjectSet set;
  const auto image = add_image(set, {test::gzip_layer({{.name = "a"}})});
  const auto three = nested(set, image.manifest, 3);
  const auto nine = nested(set, three, 6);
  set.tag("three", three);
  set.tag("eight", nested(set, three, 5));
  set.tag("nine", nine);
  Served served;
  served.mount(set);
  // Each is one step from the next, whatever its level.
  std::string at = "tags/nine";
  for (int level = 0; level < 9; ++level) {
    const Names names = served.names(at + "/platforms");
    ASSERT_EQ(names.size(), 1U);
    at = served.target(at + "/platforms/" + *names.begin());
  }
  EXPECT_EQ(at, "images/" + image.manifest.digest.str());
  EXPECT_EQ(served.target(at + "/config.json"), "configs/" + image.config.digest.str());
  // Its layout has them all, up to a limit.
  EXPECT_EQ(served.names("tags/three/oci/blobs/sha256").size(), 3U + 3U);
  EXPECT_EQ(served.names("tags/eight/oci/blobs/sha256").size(), 8U + 3U);
  EXPECT_EQ(served.problems().size(), 0U);
  EXPECT_EQ(served.error_of_listing("tags/nine/oci/blobs/sha256"), EFBIG);
  const auto problems = served.problems("limit");
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].object, nine.digest.str());
  const auto ninth = nested(set, image.manifest, 1);
  EXPECT_NE(problems[0].detail.find(ninth.digest.str()), std::string::npos);
}

TEST(ImageView, M11IsNotDeepWhereAShorterWayLeadsThere) {  // MT-5
  ObjectSet set;
  const auto image = add_image(set, {test::gzip_layer({{.name = "a"}})});
  const auto inner = nested(set, image.manifest, 3);
  const auto deep = nested(set, inner, 7);
  set.tag("v1", set.add(Endpoint::manifests, test::index_json({deep, inner}), kOciIndex));
  Served served;
  served.mount(set);
  EXPECT_NE(served.names("tags/v1/oci/blobs/sha256").size(), 0U);
}

TEST(ImageView, ShowsTheRestOfALayoutBesideAPartThatCannotBeRead) {
  for (const Errc code : {Errc::not_found, Errc::too_large, Errc::unsupported}) {
    ObjectSet set;
    const auto good = add_image(set, {test::gzip_layer({{.name = "a"}})});
    const auto bad = add_image(set, {test::gzip_layer({{.name = "b"}})}, "arm64");
    set.tag("v1", add_index(set, {bad, good}));
    Served served;
    served.mount(set);
    served.source.fail(bad.manifest.digest, code);
    const Names names = served.names("tags/v1/oci/blobs/sha256");
    EXPECT_EQ(names.size(), 5U) << to_string(code);
    EXPECT_TRUE(names.contains(std::string(bad.manifest.digest.encoded()))) << to_string(code);
    EXPECT_NE(
        served.read("tags/v1/oci/blobs/sha256/" + std::string(bad.manifest.digest.encoded())).error,
        0)
        << to_string(code);
    EXPECT_TRUE(names.contains(std::string(good.layers[0].digest.encoded()))) << to_string(code);
  }
}

TEST(ImageView, SaysWhenALayoutIsNotKnownForSomethingIsWrongNow) {  // promise 9
  using Case = std::pair<Errc, int>;
  for (const auto& [code, number] :
       {Case(Errc::unavailable, ETIMEDOUT), Case(Errc::corrupt, EIO), Case(Errc::denied, EACCES)}) {
    ObjectSet set;
    const auto bad = add_image(set, {test::gzip_layer({{.name = "b"}})}, "arm64");
    set.tag("v1", add_index(set, {bad}));
    Served served;
    served.mount(set);
    served.source.fail(bad.manifest.digest, code);
    EXPECT_EQ(served.error_of_listing("tags/v1/oci/blobs/sha256"), number) << to_string(code);
  }
}

TEST(ImageView, CostsNoMoreThanTheNameNeeds) {  // promise 4
  ObjectSet set;
  const auto image = add_image(set, {test::gzip_layer({{.name = "a"}})});
  set.tag("v1", image.manifest);
  Served served;
  served.mount(set);
  const auto cost = [&] { return std::pair(served.source.resolves(), served.source.fetches()); };
  using Cost = std::pair<std::size_t, std::size_t>;
  EXPECT_EQ(served.link("tags/v1/image"), "../../images/" + image.manifest.digest.str());
  EXPECT_EQ(cost(), (Cost{1, 0}));
  EXPECT_TRUE(served.exists("tags/v1/manifest.json"));
  EXPECT_TRUE(served.exists("tags/v1/config.json"));
  EXPECT_FALSE(served.exists("tags/v1/no-such-name"));
  EXPECT_EQ(cost(), (Cost{1, 1}));
  EXPECT_TRUE(served.exists("tags/v1/host"));
  EXPECT_TRUE(served.exists("tags/v1/layers"));
  EXPECT_EQ(cost(), (Cost{1, 2}));
  served.names("tags/v1");
  served.names("images/" + image.manifest.digest.str());
  EXPECT_EQ(cost(), (Cost{1, 2}));
}

}  // namespace
}  // namespace digestfs::fs
