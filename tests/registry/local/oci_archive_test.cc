// SPDX-License-Identifier: Apache-2.0
#include "registry/local/oci_archive.h"

#include <gtest/gtest.h>

#include "tests/registry/local/local_fixture.h"

namespace digestfs::registry {
namespace {

using test::failure_of;
using test::mentions;
using test::TarEntry;

class OciArchiveTest : public testing::Test {
 protected:
  OciArchiveTest() : image_(test::add_image(set_, {test::gzip_layer({{"file"}})})) {
    set_.tag("v1", image_.manifest);
  }

  [[nodiscard]] std::filesystem::path path() const { return directory_.path() / "image.tar"; }
  void write(const std::vector<TarEntry>& members) const {
    test::write_file(path(), test::tar(members));
  }
  [[nodiscard]] test::Failure failure() const {
    return failure_of([&] { static_cast<void>(OciArchive(path())); });
  }
  /// The members of the layout without `name`.
  [[nodiscard]] std::vector<TarEntry> without(const std::string& name) const {
    auto members = test::layout_members(set_);
    std::erase_if(members, [&](const TarEntry& member) { return member.name == name; });
    return members;
  }

  test::ObjectSet set_;
  test::Image image_;
  test::TemporaryDirectory directory_;
};

TEST_F(OciArchiveTest, HasTheTagsAndObjectsOfItsLayout) {  // LOC-1
  for (const bool compressed : {false, true}) {
    const std::string tar = test::tar(test::layout_members(set_));
    test::write_file(path(), compressed ? test::gzip(tar) : tar);
    OciArchive source(path());
    EXPECT_EQ(source.name(), "oci-archive:" + path().native());
    EXPECT_EQ(source.list_tags({}, {}).tags, std::vector<std::string>{"v1"});
    const auto image = source.resolve("v1", {});
    ASSERT_TRUE(image);
    EXPECT_EQ(image->digest, image_.manifest.digest);
    EXPECT_EQ(digest_of(test::fetched(source, image_.layers[0].digest)), image_.layers[0].digest);
    EXPECT_EQ(source.made(image->digest), "");
  }
}

TEST_F(OciArchiveTest, TakesTheTagOfAFullReferenceAndShowsImagesWithoutAName) {
  auto named = image_.manifest;
  named.annotations["org.opencontainers.image.ref.name"] = "localhost/demo:1";
  const auto other = test::add_image(set_, {});
  auto members = without("index.json");
  members.push_back({"index.json", test::index_json({named, other.manifest})});
  write(members);
  OciArchive source(path());
  const TagPage page = source.list_tags({}, {});
  EXPECT_EQ(page.tags, std::vector<std::string>{"1"});
  EXPECT_EQ(test::digests_of(page.untagged), std::vector<Digest>{other.manifest.digest});
}

TEST_F(OciArchiveTest, SaysWhatItIsNot) {
  write({{"manifest.json", "[]"}});
  EXPECT_EQ(failure().code, Errc::not_found);
  EXPECT_TRUE(mentions(failure().text, "no file oci-layout")) << failure().text;
  write(without("index.json"));
  EXPECT_EQ(failure().code, Errc::corrupt);
  EXPECT_TRUE(mentions(failure().text, "no file index.json")) << failure().text;
  for (const std::string bad : {"", "{}", "[]", R"({"manifests":7})"}) {
    auto members = without("index.json");
    members.push_back({"index.json", bad});
    write(members);
    EXPECT_EQ(failure().code, Errc::corrupt) << bad;
  }
  auto members = without("oci-layout");
  members.push_back({"oci-layout", "{"});
  write(members);
  EXPECT_EQ(failure().code, Errc::corrupt);
}

TEST_F(OciArchiveTest, S1LacksOnlyTheBlobThatIsMissing) {
  const Digest layer = image_.layers[0].digest;
  write(without("blobs/sha256/" + std::string(layer.encoded())));
  OciArchive source(path());
  EXPECT_TRUE(source.resolve("v1", {}));
  EXPECT_FALSE(source.find(Endpoint::blobs, layer, {}));
  const auto failure = failure_of([&] { static_cast<void>(test::fetched(source, layer)); });
  EXPECT_EQ(failure.code, Errc::not_found);
  EXPECT_TRUE(mentions(failure.text, source.name())) << failure.text;
}

TEST_F(OciArchiveTest, S2NeverReadsAFileOfThisMachineThroughALink) {
  test::write_file(directory_.path() / "secret", "a secret");
  const Digest layer = image_.layers[0].digest;
  const std::string name = "blobs/sha256/" + std::string(layer.encoded());
  for (const std::string& target :
       {std::string("../../../secret"), (directory_.path() / "secret").native()}) {
    auto members = without(name);
    members.push_back({.name = name, .type = '2', .link = target.substr(0, 100)});
    write(members);
    OciArchive source(path());
    EXPECT_FALSE(source.find(Endpoint::blobs, layer, {})) << target;
  }
}

// It looked as if it were not there.
TEST_F(OciArchiveTest, HasABlobThatIsStoredSparseAndCannotReadIt) {
  const Digest layer = image_.layers[0].digest;
  const std::string name = "blobs/sha256/" + std::string(layer.encoded());
  test::write_file(path(), test::sparse_file(name, "text", 8192) + test::tar(without(name)));
  OciArchive source(path());
  EXPECT_TRUE(source.resolve("v1", {}));
  ASSERT_TRUE(source.find(Endpoint::blobs, layer, {}));
  const auto failure = failure_of([&] { static_cast<void>(test::fetched(source, layer)); });
  EXPECT_EQ(failure.code, Errc::unsupported);
  EXPECT_TRUE(mentions(failure.text, "sparse")) << failure.text;
}

TEST_F(OciArchiveTest, ReportsMembersThatLeadOut) {
  auto members = test::layout_members(set_);
  members.push_back({"../../etc/passwd", "root"});
  write(members);
  OciArchive source(path());
  EXPECT_EQ(test::names_of(source.list_tags({}, {}).left_out),
            std::vector<std::string>{"../../etc/passwd"});
  EXPECT_TRUE(source.resolve("v1", {}));
}

// The archive that takes the file's place is another one.
TEST_F(OciArchiveTest, StaysTheArchiveThatWasOpened) {
  write(test::layout_members(set_));
  OciArchive source(path());
  std::filesystem::remove(path());
  test::write_file(path(), "something else");
  EXPECT_EQ(digest_of(test::fetched(source, image_.layers[0].digest)), image_.layers[0].digest);
}

}  // namespace
}  // namespace digestfs::registry
