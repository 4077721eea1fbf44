// SPDX-License-Identifier: Apache-2.0
#include "fs/repository/repository.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/fs/repository/repository_fixture.h"

namespace digestfs::fs {
namespace {

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

// The ID that podman gives a list of images is the digest of nothing.
TEST(Tree, ShowsTheAnnotationsThatTheSourceGivesAnImage) {  // LOC-4
  ObjectSet set;
  Descriptor named = two_layers(set).manifest;
  Descriptor nameless = add_image(set, {test::gzip_layer({{.name = "other"}})}).manifest;
  named.annotations["image.id"] = "of the named";
  nameless.annotations["image.id"] = "of the nameless";
  set.tag("v1", named);
  Served served;
  set.put_into(served.source);
  served.source.add_untagged(nameless);
  served.mount(MountSettings{});
  served.names("tags/v1");
  const std::string pinned = "images/" + nameless.digest.str();
  served.names(pinned);
  EXPECT_EQ(served.xattr("tags/v1", "user.oci.annotation.image.id"), "of the named");
  EXPECT_EQ(served.xattr(pinned, "user.oci.annotation.image.id"), "of the nameless");
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

}  // namespace
}  // namespace digestfs::fs
