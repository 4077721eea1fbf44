// SPDX-License-Identifier: Apache-2.0
#include "registry/local/docker_archive.h"

#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "registry/image/manifest.h"
#include "registry/local/archive/docker_images.h"
#include "tests/registry/local/local_fixture.h"

namespace digestfs::registry {
namespace {

using nlohmann::json;
using test::failure_of;
using test::mentions;
using test::names_of;
using test::TarEntry;
using List = std::vector<std::string>;

constexpr const char* kDemo = "docker.io/library/demo";

class DockerArchiveTest : public testing::Test {
 protected:
  [[nodiscard]] std::filesystem::path path() const { return directory_.path() / "saved.tar"; }

  /// Adds a member.
  void add(const TarEntry& member) { members_.push_back(member); }
  /// Adds the config of an image of these layers, and returns the name of its file.
  std::string add_config(const std::vector<std::string>& diffs) {
    std::vector<Digest> diff_ids;
    for (const std::string& diff : diffs) diff_ids.push_back(digest_of(diff));
    const std::string text = test::config_json(diff_ids);
    const std::string name = str_cat(digest_of(text).encoded(), ".json");
    add({name, text});
    return name;
  }
  /// Adds an entry of manifest.json.
  void add_image(const std::string& config, const json& names, const List& layers) {
    manifest_.push_back({{"Config", config}, {"RepoTags", names}, {"Layers", layers}});
  }
  /// The archive as it is written to disk.
  [[nodiscard]] std::string tar() const {
    auto members = members_;
    members.push_back({"manifest.json", manifest_.dump()});
    return test::tar(members);
  }
  [[nodiscard]] DockerArchive archive() const {
    test::write_file(path(), tar());
    return DockerArchive(path());
  }
  [[nodiscard]] static List repositories(DockerArchive& archive) {
    return archive.list({}, {}).names;
  }
  [[nodiscard]] static Digest image_of(DockerArchive& archive, const std::string& repository,
                                       const std::string& tag) {
    const auto source = archive.open(repository, {});
    if (!source) throw std::logic_error("no repository " + repository);
    const auto image = source->resolve(tag, {});
    if (!image) throw std::logic_error("no tag " + tag);
    return image->digest;
  }
  /// The image of `demo:1`, read.
  [[nodiscard]] static Manifest manifest_of(DockerArchive& archive) {
    const auto source = archive.open(kDemo, {});
    return parse_manifest(test::fetched(*source, image_of(archive, kDemo, "1")));
  }

  std::string base_ = test::tar({{"base", "some text"}});
  std::string top_ = test::tar({{"top", test::noise(5000)}});
  json manifest_ = json::array();
  std::vector<TarEntry> members_;
  test::TemporaryDirectory directory_;
};

TEST_F(DockerArchiveTest, MakesTheManifestThatTheArchiveLacks) {  // LOC-2
  add({"base.tar", base_});
  add({"top.tar", top_});
  const std::string config = add_config({base_, top_});
  add_image(config, {"demo:1"}, {"base.tar", "top.tar"});
  DockerArchive archive = this->archive();
  EXPECT_EQ(archive.name(), "docker-archive:" + path().native());
  EXPECT_EQ(repositories(archive), List{kDemo});
  EXPECT_TRUE(archive.list({}, {}).left_out.empty());
  const auto source = archive.open(kDemo, {});
  ASSERT_TRUE(source);
  EXPECT_EQ(source->name(), archive.name() + ":" + kDemo);
  EXPECT_EQ(source->list_tags({}, {}).tags, List{"1"});
  EXPECT_FALSE(source->resolve("2", {}));
  const auto image = source->resolve("1", {});
  ASSERT_TRUE(image);
  EXPECT_EQ(image->media_type, "application/vnd.docker.distribution.manifest.v2+json");
  const std::string bytes = test::fetched(*source, image->digest);
  EXPECT_EQ(digest_of(bytes), image->digest);
  EXPECT_EQ(image->size, bytes.size());
  EXPECT_EQ(source->find(Endpoint::manifests, image->digest, {})->size, bytes.size());
  const Manifest manifest = parse_manifest(bytes);
  EXPECT_EQ(str_cat(manifest.config->digest.encoded(), ".json"), config);
  ASSERT_EQ(manifest.layers.size(), 2U);
  EXPECT_EQ(manifest.layers[0]->digest, digest_of(base_));
  EXPECT_EQ(manifest.layers[1]->size, top_.size());
  EXPECT_EQ(test::fetched(*source, digest_of(base_)), base_);
  EXPECT_EQ(test::fetched(*source, digest_of(top_)), top_);
  EXPECT_EQ(digest_of(test::fetched(*source, manifest.config->digest)), manifest.config->digest);
}

TEST_F(DockerArchiveTest, SaysWhichManifestsItMade) {
  add({"base.tar", base_});
  add_image(add_config({base_}), {"demo:1"}, {"base.tar"});
  DockerArchive archive = this->archive();
  const Digest image = image_of(archive, kDemo, "1");
  EXPECT_NE(archive.open(kDemo, {})->made(image), "");
  EXPECT_NE(archive.everything()->made(image), "");
  EXPECT_EQ(archive.everything()->made(digest_of(base_)), "");
  EXPECT_EQ(archive.everything()->made(digest_of("something else")), "");
}

TEST_F(DockerArchiveTest, S2HasTheRepositoriesOfItsNames) {
  add({"base.tar", base_});
  add({"top.tar", top_});
  const std::string config = add_config({base_});
  add_image(config, {"demo:1", "demo:latest", "localhost/demo:1", "quay.io:443/a/b:v1"},
            {"base.tar"});
  add_image(add_config({top_}), {"demo:2"}, {"top.tar"});
  DockerArchive archive = this->archive();
  EXPECT_EQ(repositories(archive), (List{kDemo, "localhost/demo", "quay.io:443/a/b"}));
  EXPECT_EQ(archive.open(kDemo, {})->list_tags({}, {}).tags, (List{"1", "2", "latest"}));
  EXPECT_EQ(image_of(archive, kDemo, "1"), image_of(archive, "quay.io:443/a/b", "v1"));
  EXPECT_NE(image_of(archive, kDemo, "1"), image_of(archive, kDemo, "2"));
  for (const char* missing : {"demo", "docker.io/library/other", "", "localhost"}) {
    EXPECT_EQ(archive.open(missing, {}), nullptr) << missing;
  }
}

TEST_F(DockerArchiveTest, S2ShowsImagesWithoutAName) {
  add({"base.tar", base_});
  add({"top.tar", top_});
  add_image(add_config({base_}), nullptr, {"base.tar"});
  add_image(add_config({top_}), {"demo:1"}, {"top.tar"});
  DockerArchive archive = this->archive();
  const auto everything = archive.everything();
  EXPECT_EQ(everything->name(), archive.name());
  const TagPage page = everything->list_tags({}, {});
  EXPECT_TRUE(page.tags.empty());
  ASSERT_EQ(page.untagged.size(), 2U);
  EXPECT_EQ(page.untagged[1].digest, image_of(archive, kDemo, "1"));
  EXPECT_EQ(digest_of(test::fetched(*everything, page.untagged[0].digest)),
            page.untagged[0].digest);
  EXPECT_FALSE(everything->resolve("1", {}));
}

TEST_F(DockerArchiveTest, S2ReadsLayersThatAreLinks) {
  add({.name = "one/layer.tar", .type = '2', .link = "../base.tar"});
  add({"base.tar", base_});
  add({"top.tar", top_});
  add({.name = "two/layer.tar", .type = '1', .link = "top.tar"});
  add_image(add_config({base_, top_}), {"demo:1"}, {"one/layer.tar", "two/layer.tar"});
  DockerArchive archive = this->archive();
  EXPECT_EQ(manifest_of(archive).layers.size(), 2U);
  EXPECT_EQ(test::fetched(*archive.open(kDemo, {}), digest_of(top_)), top_);
}

TEST_F(DockerArchiveTest, S2NeverReadsAFileOfThisMachineThroughALink) {
  test::write_file(directory_.path() / "secret", base_);
  const List targets = {"../secret", "../../etc/shadow", "/etc/shadow"};
  for (const std::string& target : targets) {
    const std::string layer = str_cat("layer", members_.size());
    add({.name = layer, .type = '2', .link = target});
    add_image(add_config({base_}), {"demo:1"}, {layer});
  }
  DockerArchive archive = this->archive();
  EXPECT_TRUE(repositories(archive).empty());
  const auto left_out = archive.list({}, {}).left_out;
  EXPECT_EQ(names_of(left_out), (List{"demo:1", "demo:1", "demo:1"}));
  for (const LeftOut& record : left_out) {
    EXPECT_TRUE(mentions(record.reason, "leads out of the archive")) << record.reason;
  }
  EXPECT_FALSE(archive.everything()->find(Endpoint::blobs, digest_of(base_), {}));
}

TEST_F(DockerArchiveTest, S2TakesALayerThatIsThereTwice) {
  add({"base.tar", base_});
  add({"again.tar", base_});
  add_image(add_config({base_, base_, base_}), {"demo:1"}, {"base.tar", "base.tar", "again.tar"});
  DockerArchive archive = this->archive();
  const Manifest manifest = manifest_of(archive);
  ASSERT_EQ(manifest.layers.size(), 3U);
  for (const auto& layer : manifest.layers) EXPECT_EQ(layer->digest, digest_of(base_));
}

TEST_F(DockerArchiveTest, S2LeavesOutAnImageThatCannotBeUsedAndKeepsTheOthers) {
  add({"base.tar", base_});
  const std::string config = add_config({base_});
  add({"none.json", "{}"});
  add({"odd.json", R"({"architecture":"amd64","rootfs":{"type":"layers","diff_ids":["x"]}})"});
  add_image(config, {"more:1"}, {"base.tar", "base.tar"});
  add_image(config, {"fewer:1"}, List());
  add_image(config, {"missing:1"}, {"missing.tar"});
  add_image("missing.json", {"configless:1"}, {"base.tar"});
  add_image("none.json", {"none:1"}, {"base.tar"});
  add_image("odd.json", {"odd:1"}, {"base.tar"});
  add_image("../" + config, {"outside:1"}, {"base.tar"});
  add_image(config, {"demo:1"}, {"base.tar"});
  DockerArchive archive = this->archive();
  EXPECT_EQ(repositories(archive), List{kDemo});
  EXPECT_EQ(
      names_of(archive.list({}, {}).left_out),
      (List{"more:1", "fewer:1", "missing:1", "configless:1", "none:1", "odd:1", "outside:1"}));
  EXPECT_EQ(names_of(archive.everything()->list_tags({}, {}).left_out).size(), 7U);
  EXPECT_EQ(archive.everything()->list_tags({}, {}).untagged.size(), 1U);
}

TEST_F(DockerArchiveTest, LeavesOutNamesThatCannotBeUsed) {  // DEC-4
  add({"base.tar", base_});
  add({"top.tar", top_});
  const List bad = {
      "",          "../x:1",   "demo",  "demo:",    "UPPER:1",    "a//b:1",
      "demo:../1", "demo:a/b", "_/x:1", "demo\n:1", "http://x:1", std::string(600, 'a') + ":1"};
  List names = bad;
  names.emplace_back("demo:1");
  add_image(add_config({base_}), names, {"base.tar"});
  add_image(add_config({top_}), {"demo:1"}, {"top.tar"});
  DockerArchive archive = this->archive();
  EXPECT_EQ(repositories(archive), List{kDemo});
  const auto left_out = archive.list({}, {}).left_out;
  EXPECT_EQ(left_out.size(), bad.size() + 1);
  EXPECT_EQ(left_out.back().name, "demo:1");
  EXPECT_TRUE(mentions(left_out.back().reason, "an image before it")) << left_out.back().reason;
  for (const LeftOut& record : left_out) EXPECT_LT(record.reason.size(), 1000U);
  // The image whose name is taken is still there.
  EXPECT_EQ(archive.everything()->list_tags({}, {}).untagged.size(), 2U);
}

TEST_F(DockerArchiveTest, S2ReadsAnArchiveThatIsCompressed) {
  add({"base.tar", base_});
  add_image(add_config({base_}), {"demo:1"}, {"base.tar"});
  DockerArchive plain = archive();
  const Digest image = image_of(plain, kDemo, "1");
  for (const std::string& bytes : {test::gzip(tar()), test::zstd(tar())}) {
    test::write_file(path(), bytes);
    DockerArchive archive(path());
    EXPECT_EQ(image_of(archive, kDemo, "1"), image);
    EXPECT_EQ(test::fetched(*archive.everything(), digest_of(base_)), base_);
  }
}

// Its sources need the archive for as long as they live.
TEST_F(DockerArchiveTest, GivesSourcesThatOutliveIt) {
  add({"base.tar", base_});
  add_image(add_config({base_}), {"demo:1"}, {"base.tar"});
  std::shared_ptr<Source> source;
  {
    DockerArchive archive = this->archive();
    source = archive.open(kDemo, {});
  }
  std::filesystem::remove(path());
  EXPECT_EQ(source->list_tags({}, {}).tags, List{"1"});
  EXPECT_EQ(test::fetched(*source, digest_of(base_)), base_);
}

TEST_F(DockerArchiveTest, DecompressesALayerThatIsCompressedInTheArchive) {
  add({"base.tar", test::gzip(base_)});
  add({"top.tar", test::zstd(top_)});
  add_image(add_config({base_, top_}), {"demo:1"}, {"base.tar", "top.tar"});
  DockerArchive archive = this->archive();
  const Manifest manifest = manifest_of(archive);
  EXPECT_EQ(manifest.layers[0]->digest, digest_of(base_));
  EXPECT_EQ(manifest.layers[0]->size, base_.size());
  EXPECT_EQ(manifest.layers[1]->size, top_.size());
  const auto source = archive.open(kDemo, {});
  test::Received received;
  source->fetch(Endpoint::blobs, digest_of(top_), {.offset = 10}, received, {});
  ASSERT_EQ(received.beginnings.size(), 1U);
  EXPECT_EQ(received.beginnings[0].offset, 0U);
  EXPECT_EQ(received.beginnings[0].total, top_.size());
  EXPECT_EQ(received.text, top_);
  std::stop_source stop;
  stop.request_stop();
  test::Received nothing;
  EXPECT_EQ(failure_of([&] {
              source->fetch(Endpoint::blobs, digest_of(top_), {}, nothing,
                            {.stop = stop.get_token()});
            }).code,
            Errc::interrupted);
}

TEST_F(DockerArchiveTest, LeavesOutAnImageWhoseLayerCannotBeDecompressed) {
  add({"cut.tar", test::gzip(top_).substr(0, 2000)});
  add({"xz.tar", std::string("\xfd"
                             "7zXZ\0\0",
                             7)});
  add_image(add_config({base_}), {"cut:1"}, {"cut.tar"});
  add_image(add_config({top_}), {"xz:1"}, {"xz.tar"});
  DockerArchive archive = this->archive();
  EXPECT_EQ(names_of(archive.list({}, {}).left_out), (List{"cut:1", "xz:1"}));
}

TEST_F(DockerArchiveTest, LeavesOutAnImageWhoseLayerIsStoredSparse) {
  add({"base.tar", base_});
  add_image(add_config({base_}), {"whole:1"}, {"base.tar"});
  add_image(add_config({top_}), {"sparse:1"}, {"top.tar"});
  test::write_file(path(), test::sparse_file("top.tar", "text", 8192) + tar());
  DockerArchive archive(path());
  EXPECT_EQ(repositories(archive), List{"docker.io/library/whole"});
  const auto left_out = archive.list({}, {}).left_out;
  ASSERT_EQ(names_of(left_out), List{"sparse:1"});
  EXPECT_TRUE(test::mentions(left_out[0].reason, "sparse")) << left_out[0].reason;
}

/// A layer of a few bytes that becomes 160 MiB.
std::string bomb() {
  const std::string zeros = test::zstd(std::string(std::size_t{16} << 20U, '\0'));
  std::string bomb;
  for (int i = 0; i < 10; ++i) bomb += zeros;
  return bomb;
}

// Each of them is small enough.
TEST_F(DockerArchiveTest, S2BoundsWhatAllLayersMakeTogether) {
  add({"first.tar", bomb()});
  add({"second.tar", bomb()});
  add({"plain.tar", base_});
  add_image(add_config({"first"}), {"first:1"}, {"first.tar"});
  add_image(add_config({"second"}), {"second:1"}, {"second.tar"});
  add_image(add_config({base_}), {"plain:1"}, {"plain.tar"});
  DockerArchive archive = this->archive();
  EXPECT_EQ(repositories(archive), (List{"docker.io/library/first", "docker.io/library/plain"}));
  const auto left_out = archive.list({}, {}).left_out;
  ASSERT_EQ(names_of(left_out), List{"second:1"});
  EXPECT_TRUE(test::mentions(left_out[0].reason, "makes more than 268435456 bytes"))
      << left_out[0].reason;
}

// Links gave one layer any number of names, and each name was another minute.
TEST_F(DockerArchiveTest, S2DecompressesALayerOnceWhateverItsNames) {
  add({"layer.tar", bomb()});
  add({"cut.tar", bomb().substr(0, bomb().size() - 3)});
  List names;
  for (int i = 0; i < 8; ++i) {
    const std::string name = str_cat("link", i);
    add({.name = name, .type = '2', .link = i % 2 == 0 ? "layer.tar" : "cut.tar"});
    add_image(add_config({name}), {str_cat(name, ":1")}, {name});
    if (i % 2 == 0) names.push_back(str_cat("docker.io/library/", name));
  }
  // The budget has room for the one layer and for the other once.
  DockerArchive archive = this->archive();
  EXPECT_EQ(repositories(archive), names);
  EXPECT_EQ(archive.list({}, {}).left_out.size(), 4U);
}

// It was taken for a layer that cannot be read.
TEST_F(DockerArchiveTest, EndsWhenItIsAskedToWhileItDecompresses) {
  add({"layer.tar", bomb()});
  add_image(add_config({"layer"}), {"demo:1"}, {"layer.tar"});
  test::write_file(path(), tar());
  const ArchiveFile file("docker-archive:", path());
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(failure_of([&] { static_cast<void>(read_docker_images(file, stop.get_token())); }).code,
            Errc::interrupted);
}

// --- what Docker 25 and later write: an OCI layout besides ---

class ModernDockerArchiveTest : public DockerArchiveTest {
 protected:
  /// Adds the objects, and an index.json of these entries.
  void add_layout(const std::vector<Descriptor>& entries) {
    for (auto& member : test::layout_members(set_)) {
      if (member.name != "index.json") add(member);
    }
    add({"index.json", test::index_json(entries)});
  }
  static Descriptor named(Descriptor descriptor, const std::string& name) {
    descriptor.annotations["io.containerd.image.name"] = name;
    descriptor.annotations["org.opencontainers.image.ref.name"] = "1";
    return descriptor;
  }
  static std::string blob(const Descriptor& descriptor) {
    return str_cat("blobs/sha256/", descriptor.digest.encoded());
  }

  test::ObjectSet set_;
};

TEST_F(ModernDockerArchiveTest, ShowsTheManifestThatTheArchiveKeeps) {
  const auto image = test::add_image(set_, {test::gzip_layer({{"file"}})});
  add_layout({named(image.manifest, "docker.io/library/demo:1")});
  add_image(blob(image.config), {"demo:1"}, {blob(image.layers[0])});
  DockerArchive archive = this->archive();
  EXPECT_EQ(image_of(archive, kDemo, "1"), image.manifest.digest);
  const auto source = archive.open(kDemo, {});
  EXPECT_EQ(source->made(image.manifest.digest), "");
  EXPECT_EQ(digest_of(test::fetched(*source, image.layers[0].digest)), image.layers[0].digest);
  EXPECT_EQ(archive.everything()->list_tags({}, {}).untagged.size(), 1U);
  EXPECT_TRUE(archive.list({}, {}).left_out.empty());
}

TEST_F(ModernDockerArchiveTest, ShowsTheIndexThatHasTheName) {
  const auto image = test::add_image(set_, {test::plain_layer({{"file"}})});
  const auto elsewhere = test::add_image(set_, {}, "arm64");
  const Descriptor index = test::add_index(set_, {image, elsewhere});
  add_layout({named(index, "docker.io/library/demo:1")});
  // Docker saves the platforms that it has.
  std::erase_if(members_,
                [&](const TarEntry& member) { return member.name == blob(elsewhere.manifest); });
  add_image(blob(image.config), {"demo:1"}, {blob(image.layers[0])});
  DockerArchive archive = this->archive();
  EXPECT_EQ(image_of(archive, kDemo, "1"), index.digest);
  EXPECT_EQ(test::digests_of(archive.everything()->list_tags({}, {}).untagged),
            (std::vector<Digest>{index.digest, image.manifest.digest}));
  EXPECT_TRUE(archive.list({}, {}).left_out.empty());
}

TEST_F(ModernDockerArchiveTest, FindsAnImageThroughIndexesInIndexes) {
  const auto image = test::add_image(set_, {test::plain_layer({{"file"}})});
  Descriptor index = test::add_index(set_, {image});
  for (int i = 0; i < 3; ++i) {
    index = set_.add(Endpoint::manifests, test::index_json({index, index}), index.media_type);
  }
  add_layout({index, index});
  add_image(blob(image.config), nullptr, {blob(image.layers[0])});
  DockerArchive archive = this->archive();
  EXPECT_EQ(test::digests_of(archive.everything()->list_tags({}, {}).untagged),
            (std::vector<Digest>{index.digest, image.manifest.digest}));
}

TEST_F(ModernDockerArchiveTest, FindsTheManifestOfANameThatTheLayoutDoesNotHave) {
  const auto image = test::add_image(set_, {test::plain_layer({{"file"}})});
  add_layout({image.manifest});
  add_image(blob(image.config), {"demo:1"}, {blob(image.layers[0])});
  DockerArchive archive = this->archive();
  EXPECT_EQ(image_of(archive, kDemo, "1"), image.manifest.digest);
}

TEST_F(ModernDockerArchiveTest, MakesAManifestIfTheOneInTheArchiveIsMissingOrWrong) {
  const auto layer = test::plain_layer({{"file"}});
  const auto image = test::add_image(set_, {layer});
  for (const bool missing : {true, false}) {
    members_.clear();
    manifest_ = json::array();
    add_layout({named(image.manifest, "docker.io/library/demo:1")});
    std::erase_if(members_,
                  [&](const TarEntry& member) { return member.name == blob(image.manifest); });
    if (!missing) add({blob(image.manifest), "{}"});
    add_image(blob(image.config), {"demo:1"}, {blob(image.layers[0])});
    DockerArchive archive = this->archive();
    const Digest made = image_of(archive, kDemo, "1");
    EXPECT_NE(made, image.manifest.digest);
    EXPECT_NE(archive.everything()->made(made), "");
    EXPECT_EQ(test::fetched(*archive.everything(), digest_of(layer.diff)), layer.diff);
  }
}

// One document may have any number of names, one of which is right.
TEST_F(ModernDockerArchiveTest, S2TakesNoLinkToADocumentForAnother) {
  const auto image = test::add_image(set_, {test::gzip_layer({{"file"}})});
  std::vector<Descriptor> entries;
  for (int i = 0; i < 20; ++i) {
    Descriptor other = image.manifest;
    other.digest = digest_of(str_cat("other", i));
    add({.name = blob(other), .type = '1', .link = blob(image.manifest)});
    entries.push_back(named(other, str_cat("docker.io/library/other:", i)));
  }
  entries.push_back(named(image.manifest, "docker.io/library/demo:1"));
  add_layout(entries);
  add_image(blob(image.config), {"demo:1"}, {blob(image.layers[0])});
  DockerArchive archive = this->archive();
  EXPECT_EQ(repositories(archive), List{kDemo});
  EXPECT_EQ(image_of(archive, kDemo, "1"), image.manifest.digest);
  EXPECT_EQ(archive.everything()->list_tags({}, {}).untagged.size(), 1U);
}

TEST_F(ModernDockerArchiveTest, DoesWithoutAnIndexThatCannotBeRead) {
  add({"base.tar", base_});
  add({"index.json", "{"});
  add_image(add_config({base_}), {"demo:1"}, {"base.tar"});
  DockerArchive archive = this->archive();
  EXPECT_EQ(manifest_of(archive).layers.size(), 1U);
  EXPECT_EQ(names_of(archive.list({}, {}).left_out), List{"index.json"});
}

// --- what is no such archive ---

TEST_F(DockerArchiveTest, SaysWhatItIsNot) {
  test::write_file(path(), test::tar({{"oci-layout", "{}"}}));
  const auto none = failure_of([&] { DockerArchive archive(path()); });
  EXPECT_EQ(none.code, Errc::not_found);
  EXPECT_TRUE(mentions(none.text, "docker-archive:" + path().native())) << none.text;
  EXPECT_TRUE(mentions(none.text, "no file manifest.json")) << none.text;
  test::write_file(path(), test::tar({{"manifest.json", "{}"}}));
  EXPECT_EQ(failure_of([&] { DockerArchive archive(path()); }).code, Errc::corrupt);
  test::write_file(path(),
                   test::tar({{"manifest.json", std::string((std::size_t{4} << 20U) + 1, ' ')}}));
  EXPECT_EQ(failure_of([&] { DockerArchive archive(path()); }).code, Errc::too_large);
}

}  // namespace
}  // namespace digestfs::registry
