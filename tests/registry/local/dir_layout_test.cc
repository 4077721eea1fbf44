// SPDX-License-Identifier: Apache-2.0
#include "registry/local/dir_layout.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/text.h"
#include "tests/registry/local/local_fixture.h"

namespace digestfs::registry {
namespace {

using test::failure_of;
using test::mentions;

class DirLayoutTest : public testing::Test {
 protected:
  DirLayoutTest() : image_(test::add_image(set_, {test::gzip_layer({{"file"}})})) {
    write("version", "Directory Transport Version: 1.1\n");
    write("manifest.json", bytes_of(image_.manifest));
  }

  [[nodiscard]] std::filesystem::path path(const std::string& name) const {
    return directory_.path() / name;
  }
  void write(const std::string& name, std::string_view text) const {
    test::write_file(path(name), text);
  }
  [[nodiscard]] std::string bytes_of(const Descriptor& descriptor) const {
    return set_.objects().at(descriptor.digest).bytes;
  }
  [[nodiscard]] DirLayout layout() const { return DirLayout(directory_.path()); }
  [[nodiscard]] test::Failure failure() const {
    auto failure = failure_of([&] { static_cast<void>(layout()); });
    EXPECT_TRUE(mentions(failure.text, "dir:" + directory_.path().native())) << failure.text;
    return failure;
  }
  [[nodiscard]] static Descriptor only_image(DirLayout& source) {
    const TagPage page = source.list_tags({}, {});
    EXPECT_TRUE(page.tags.empty());
    EXPECT_EQ(page.untagged.size(), 1U);
    return page.untagged.at(0);
  }

  test::ObjectSet set_;
  test::Image image_;
  test::TemporaryDirectory directory_;
};

TEST_F(DirLayoutTest, IsOneImageWithoutATag) {  // LOC-3
  DirLayout source = layout();
  const Descriptor image = only_image(source);
  EXPECT_EQ(image.digest, image_.manifest.digest);
  EXPECT_EQ(image.size, image_.manifest.size);
  EXPECT_EQ(image.media_type, "application/vnd.oci.image.manifest.v1+json");
  EXPECT_FALSE(source.resolve("latest", {}));
  EXPECT_EQ(test::fetched(source, image.digest), bytes_of(image_.manifest));
  EXPECT_EQ(source.find(Endpoint::manifests, image.digest, {})->size, image.size);
}

TEST_F(DirLayoutTest, IsNamedByItsPath) {
  EXPECT_EQ(layout().name(), "dir:" + directory_.path().native());
  EXPECT_EQ(DirLayout(directory_.path() / "").name(), layout().name());
}

TEST_F(DirLayoutTest, FindsBlobsAndTheManifestsOfAnIndexByTheirHex) {
  const Descriptor index = test::add_index(set_, {image_});
  const Descriptor& layer = image_.layers[0];
  write("manifest.json", bytes_of(index));
  write(str_cat(image_.manifest.digest.encoded(), ".manifest.json"), bytes_of(image_.manifest));
  write(std::string(layer.digest.encoded()), bytes_of(layer));
  DirLayout source = layout();
  EXPECT_EQ(only_image(source).digest, index.digest);
  EXPECT_EQ(only_image(source).media_type, "application/vnd.oci.image.index.v1+json");
  EXPECT_EQ(test::fetched(source, image_.manifest.digest), bytes_of(image_.manifest));
  EXPECT_EQ(test::fetched(source, layer.digest), bytes_of(layer));
  EXPECT_FALSE(source.find(Endpoint::blobs, image_.config.digest, {}));
}

TEST_F(DirLayoutTest, TellsATypeThatTheManifestDoesNotState) {  // MT-3
  const std::string config = R"({"mediaType":"application/vnd.oci.image.config.v1+json","size":2,)"
                             R"("digest":")" +
                             image_.config.digest.str() + "\"}";
  struct Case {
    std::string manifest;
    std::string type;
  };
  for (const Case& c : std::vector<Case>{
           {R"({"schemaVersion":2,"config":)" + config + R"(,"layers":[]})",
            "application/vnd.oci.image.manifest.v1+json"},
           {R"({"schemaVersion":2,"manifests":[]})", "application/vnd.oci.image.index.v1+json"},
           {R"({"schemaVersion":1,"fsLayers":[],"history":[]})",
            "application/vnd.docker.distribution.manifest.v1+json"},
       }) {
    write("manifest.json", c.manifest);
    DirLayout source = layout();
    EXPECT_EQ(only_image(source).media_type, c.type) << c.manifest;
    EXPECT_EQ(only_image(source).digest, digest_of(c.manifest)) << c.manifest;
  }
}

TEST_F(DirLayoutTest, SeesTheImageThatIsCopiedOverIt) {
  DirLayout source = layout();
  const auto other = test::add_image(set_, {});
  write("manifest.json", bytes_of(other.manifest));
  EXPECT_EQ(only_image(source).digest, other.manifest.digest);
  EXPECT_FALSE(source.find(Endpoint::manifests, image_.manifest.digest, {}));
  EXPECT_EQ(test::fetched(source, other.manifest.digest), bytes_of(other.manifest));
}

TEST_F(DirLayoutTest, FindsItsManifestByAnyDigestThatItHas) {  // DIG-3
  DirLayout source = layout();
  const std::string bytes = bytes_of(image_.manifest);
  for (const char* algorithm : {"sha256", "sha512"}) {
    const Digest digest = digest_of(bytes, algorithm);
    EXPECT_TRUE(source.find(Endpoint::manifests, digest, {})) << digest;
    EXPECT_EQ(test::fetched(source, digest), bytes);
  }
  EXPECT_FALSE(source.find(Endpoint::manifests, digest_of("another", "sha512"), {}));
}

TEST_F(DirLayoutTest, IsNotFoundWithoutItsManifest) {
  std::filesystem::remove(path("manifest.json"));
  EXPECT_EQ(failure().code, Errc::not_found);
  ASSERT_EQ(::mkfifo(path("manifest.json").c_str(), 0600), 0);
  EXPECT_EQ(failure().code, Errc::not_found);  // and nobody waits for its writer
  const auto missing = failure_of([&] { static_cast<void>(DirLayout(path("missing"))); });
  EXPECT_EQ(missing.code, Errc::not_found);
  EXPECT_TRUE(mentions(missing.text, "missing"));
}

TEST_F(DirLayoutTest, IsRefusedWithAManifestThatIsNone) {
  for (const std::string bad : {"", "x", "[]", "{}", R"({"schemaVersion":2})"}) {
    write("manifest.json", bad);
    EXPECT_EQ(failure().code, Errc::corrupt) << bad;
  }
  write("manifest.json", std::string((std::size_t{4} << 20U) + 1, ' '));  // MT-5
  EXPECT_EQ(failure().code, Errc::too_large);
}

TEST_F(DirLayoutTest, WarnsOfAVersionThatItDoesNotKnow) {
  for (const auto& [version, warning] :
       std::vector<std::pair<std::string, bool>>{{"Directory Transport Version: 1.1\n", false},
                                                 {"Directory Transport Version: 1.0\n", false},
                                                 {"Directory Transport Version: 2.0\n", true},
                                                 {"", true}}) {
    write("version", version);
    testing::internal::CaptureStderr();
    static_cast<void>(layout());
    EXPECT_EQ(mentions(testing::internal::GetCapturedStderr(), "warning: "), warning) << version;
  }
}

TEST_F(DirLayoutTest, NeverTakesAnythingButAFileNamedByHexForABlob) {  // S1
  ASSERT_EQ(::mkfifo(path(std::string(64, 'a')).c_str(), 0600), 0);
  std::filesystem::create_directory(path(std::string(64, 'b')));
  write("abc", "x");
  DirLayout source = layout();
  for (const std::string& digest :
       {"sha256:" + std::string(64, 'a'), "sha256:" + std::string(64, 'b'), std::string("md5:abc"),
        std::string("x:version")}) {
    EXPECT_FALSE(source.find(Endpoint::blobs, *Digest::parse(digest), {})) << digest;
  }
}

}  // namespace
}  // namespace digestfs::registry
