// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/xattr.h>

#include "base/text.h"
#include "tests/tools/companions/fake_mount.h"
#include "tools/companions/common/words.h"
#include "tools/companions/compare/comparison.h"
#include "tools/companions/compare/report.h"

namespace digestfs::companions {
namespace {

namespace fs = std::filesystem;

using test::FakeMount;

class Compare : public testing::Test {
 protected:
  [[nodiscard]] Subject subject(const Digest& digest) const {
    return Subject(find_image(mount_.images(digest)));
  }
  [[nodiscard]] Comparison of(const Digest& a, const Digest& b) const {
    Progress progress(ShowProgress::no);
    return compare(subject(a), subject(b), progress);
  }
  [[nodiscard]] Comparison of(const std::vector<FakeMount::Layer>& a,
                              const std::vector<FakeMount::Layer>& b) {
    return of(mount_.add_image("amd64", a), mount_.add_image("amd64", b));
  }

  /// The sizes of the blobs of `layers`, as they are shown.
  [[nodiscard]] static std::string sizes(const std::vector<FakeMount::Layer>& layers) {
    std::uint64_t sum = 0;
    for (const FakeMount::Layer& layer : layers) sum += layer.blob.size();
    return size_text(sum);
  }

  const FakeMount::Layer base_ = FakeMount::gzip("the base");
  const FakeMount::Layer base_as_zstd_ = FakeMount::zstd("the base");
  const FakeMount::Layer top_ = FakeMount::gzip("the top");
  const FakeMount::Layer other_ = FakeMount::gzip("the other");
  FakeMount mount_;
};

TEST_F(Compare, KnowsTheSameManifest) {
  const Comparison result = of({base_}, {base_});
  EXPECT_EQ(result.relation, Relation::same_document);
  EXPECT_EQ(result.sentence, "A and B are the same manifest.");
}

// Before and after `podman push`.
TEST_F(Compare, KnowsTheSameImageCompressedOtherwise) {
  const Comparison result = of({base_, top_}, {base_as_zstd_, top_});
  EXPECT_EQ(result.relation, Relation::recompressed);
  EXPECT_EQ(result.sentence,
            "A and B are the same image, compressed otherwise: 1 of 2 layers is stored in another "
            "blob.");
  ASSERT_EQ(result.layers.size(), 2U);
  EXPECT_EQ(result.layers[0].relation, LayerRelation::recompressed);
  EXPECT_EQ(result.layers[1].relation, LayerRelation::same);
}

TEST_F(Compare, KnowsWhatIsBuiltOnWhat) {
  EXPECT_EQ(of({base_}, {base_, top_}).sentence, str_cat("B is built on A: it has the layer of A (",
                                                         sizes({base_}), ") and 1 layer more."));
  EXPECT_EQ(of({base_, other_, top_}, {base_, other_}).sentence,
            str_cat("A is built on B: it has all 2 layers of B (", sizes({base_, other_}),
                    ") and 1 layer more."));
}

TEST_F(Compare, KnowsWhatLayersAreShared) {
  EXPECT_EQ(of({base_, top_}, {base_, other_}).sentence,
            str_cat("A and B share a base of 1 layer (", sizes({base_}), ")."));
  const Comparison result = of({base_, top_}, {other_, top_});
  EXPECT_EQ(result.relation, Relation::shared_layers);
  EXPECT_EQ(result.sentence, str_cat("A and B share 1 layer (", sizes({top_}), ") but no base."));
  ASSERT_EQ(result.layers.size(), 3U);
  EXPECT_EQ(result.layers[0].relation, LayerRelation::only_a);
  EXPECT_EQ(result.layers[1].relation, LayerRelation::only_b);
  EXPECT_EQ(result.layers[2].relation, LayerRelation::same);
  EXPECT_EQ(of({base_}, {other_}).sentence, "A and B share no layer.");
}

TEST_F(Compare, SaysIfThePlatformsDiffer) {
  EXPECT_EQ(of(mount_.add_image("amd64", {base_}), mount_.add_image("arm64", {other_})).sentence,
            "A and B share no layer; A is for linux/amd64, B for linux/arm64.");
}

TEST_F(Compare, ShowsConfigsFieldByField) {
  const Comparison result = of(
      mount_.add_image("amd64", {base_},
                       R"(,"config":{"Env":["PATH=/bin","A=1"],"Labels":{"x":"1"},"Cmd":["a"]})"),
      mount_.add_image("amd64", {base_},
                       R"(,"config":{"Env":["A=1","PATH=/usr/bin"],"Entrypoint":["a"],)"
                       R"("Labels":{"x":"1","y":"2"},"Volumes":{},"Cmd":["a"]})"));
  EXPECT_EQ(result.relation, Relation::same_layers);
  ASSERT_EQ(result.fields.size(), 3U);
  EXPECT_EQ(result.fields[0].field, "config.Entrypoint");
  EXPECT_EQ(result.fields[0].a, std::nullopt);
  EXPECT_EQ(result.fields[0].b, "[\"a\"]");
  EXPECT_EQ(result.fields[1].field, "config.Env.PATH");
  EXPECT_EQ(result.fields[1].a, "/bin");
  EXPECT_EQ(result.fields[1].b, "/usr/bin");
  EXPECT_EQ(result.fields[2].field, "config.Labels.y");
}

TEST_F(Compare, KnowsConfigsThatAreOnlyWrittenOtherwise) {
  const Comparison result =
      of(mount_.add_image("amd64", {base_}, R"(,"author":"me","config":{"Cmd":["a"]})"),
         mount_.add_image("amd64", {base_as_zstd_}, R"(,"config":{"Cmd":["a"]},"author":"me")"));
  EXPECT_EQ(result.relation, Relation::recompressed);
  EXPECT_NE(result.sentence.find("differ only in how they are written"), std::string::npos);
}

TEST_F(Compare, TakesNoNameWithADotForAPath) {
  const Comparison result = of(mount_.add_image("amd64", {base_}, R"(,"config":{"User":"nobody"})"),
                               mount_.add_image("amd64", {base_}, R"(,"config.User":"nobody")"));
  EXPECT_EQ(result.relation, Relation::same_layers);
  ASSERT_EQ(result.fields.size(), 2U);
  EXPECT_EQ(result.fields[0].field, R"("config.User")");
  EXPECT_EQ(result.fields[1].field, "config.User");
  const Comparison labels =
      of(mount_.add_image("amd64", {base_}, R"(,"config":{"Labels":{"a.b":"1","c\"d":"1"}})"),
         mount_.add_image("amd64", {base_}));
  ASSERT_EQ(labels.fields.size(), 2U);
  EXPECT_EQ(labels.fields[0].field, R"(config.Labels."a.b")");
  EXPECT_EQ(labels.fields[1].field, R"(config.Labels."c\"d")");
}

TEST_F(Compare, TakesNoMemberOfAConfigForAnAnnotation) {
  EXPECT_EQ(of(mount_.add_image("amd64", {base_}, R"(,"annotations":{"a":"1"})"),
               mount_.add_image("amd64", {base_}, R"(,"annotations":{"a":"2"})"))
                .relation,
            Relation::same_layers);
}

TEST_F(Compare, KeepsAVariableThatIsSetTwice) {
  const Comparison result =
      of(mount_.add_image("amd64", {base_}, R"(,"config":{"Env":["A=1","A=2"]})"),
         mount_.add_image("amd64", {base_}, R"(,"config":{"Env":["A=2"]})"));
  EXPECT_EQ(result.relation, Relation::same_layers);
  ASSERT_EQ(result.fields.size(), 2U);
  EXPECT_EQ(result.fields[0].field, "config.Env");
  EXPECT_EQ(result.fields[0].a, R"(["A=1","A=2"])");
  EXPECT_EQ(result.fields[1].b, "2");
}

TEST_F(Compare, ComparesWhatArtifactsSayOfTheirBlobs) {
  const auto artifact = [&](const char* type, const char* title,
                            const char* config = "application/vnd.oci.empty.v1+json") {
    return mount_.add_artifact(
        {{str_cat(R"("mediaType":"text/plain","annotations":{"title":")", title, R"("})"),
          "hello"}},
        str_cat(R"("artifactType":")", type, R"(",)"), config);
  };
  const Comparison titles = of(artifact("x/y", "hello.txt"), artifact("x/y", "other.txt"));
  EXPECT_EQ(titles.relation, Relation::same_layers);
  EXPECT_EQ(titles.sentence, "A and B have the same blobs but say different things about them.");
  ASSERT_EQ(titles.fields.size(), 1U);
  EXPECT_EQ(titles.fields[0].field, "layers.00.annotations.title");
  EXPECT_EQ(titles.fields[0].b, "other.txt");
  const Comparison types = of(artifact("x/y", "a"), artifact("x/z", "a"));
  EXPECT_EQ(types.relation, Relation::same_layers);
  ASSERT_EQ(types.fields.size(), 1U);
  EXPECT_EQ(types.fields[0].field, "artifactType");
  const Comparison configs = of(artifact("x/y", "a"), artifact("x/y", "a", "a/b"));
  ASSERT_EQ(configs.fields.size(), 1U);
  EXPECT_EQ(configs.fields[0].field, "config.mediaType");
}

TEST_F(Compare, KnowsTheSameImageWithoutLayers) {
  const Comparison same = of(mount_.add_image("amd64", {}, R"(,"author":"me","config":{})"),
                             mount_.add_image("amd64", {}, R"(,"config":{},"author":"me")"));
  EXPECT_EQ(same.relation, Relation::same_image);
  EXPECT_EQ(same.sentence,
            "A and B are the same image in two manifests; their configs differ only in how they "
            "are written.");
  EXPECT_EQ(of(mount_.add_image("amd64", {}), mount_.add_image("amd64", {}, R"(,"author":"me")"))
                .relation,
            Relation::unrelated);
}

TEST_F(Compare, ComparesIndexesPlatformByPlatform) {
  const Digest amd64 = mount_.add_image("amd64", {base_});
  const Digest arm64 = mount_.add_image("arm64", {base_});
  const Digest arm64_as_zstd = mount_.add_image("arm64", {base_as_zstd_});
  const Digest a = mount_.add_index({{"amd64", amd64}, {"arm64", arm64}});
  const Digest b = mount_.add_index({{"amd64", amd64}, {"arm64", arm64_as_zstd}});
  const Comparison result = of(a, b);
  EXPECT_EQ(result.sentence,
            "A and B are two indexes for the same 2 platforms; 1 image is the same.");
  ASSERT_EQ(result.platforms.size(), 2U);
  EXPECT_EQ(result.platforms[0].a, result.platforms[0].b);
  EXPECT_NE(result.platforms[1].sentence.find("compressed otherwise"), std::string::npos);
  EXPECT_EQ(of(a, a).sentence, "A and B are the same index.");
  const Digest c = mount_.add_index({{"arm64", arm64}});
  EXPECT_EQ(of(a, c).sentence,
            "A and B are two indexes for 2 and 1 platforms, of which they share 1; all images of "
            "these are the same.");
}

TEST_F(Compare, KnowsTheIndexOfAnImage) {
  const Digest amd64 = mount_.add_image("amd64", {base_});
  const Digest index = mount_.add_index({{"amd64", amd64}});
  EXPECT_EQ(of(index, amd64).sentence, "A is an index, and B is its image for linux_amd64.");
  EXPECT_EQ(of(amd64, index).relation, Relation::member);
  const Comparison other = of(mount_.add_image("amd64", {other_}), index);
  EXPECT_EQ(other.relation, Relation::different);
  EXPECT_NE(other.sentence.find("platforms/linux_amd64"), std::string::npos) << other.sentence;
}

TEST_F(Compare, TellsReferrersThatOnlyOneHas) {
  const Digest a = mount_.add_image("amd64", {base_});
  const Digest b = mount_.add_image("amd64", {top_});
  for (const auto& [image, name] : {std::pair(a, "sha256:1"), {a, "sha256:2"}, {b, "sha256:2"}}) {
    fs::create_directories(mount_.images(image) / "referrers" / name);
  }
  const Comparison result = of(a, b);
  EXPECT_EQ(result.referrers.both, std::vector<std::string>{"sha256:2"});
  EXPECT_EQ(result.referrers.only_a, std::vector<std::string>{"sha256:1"});
  EXPECT_TRUE(result.referrers.only_b.empty());
}

TEST_F(Compare, WritesTheSentenceFirstAndEscapesTheRest) {
  Progress quiet(ShowProgress::no);
  const Subject a = subject(mount_.add_image("amd64", {base_}));
  const Subject b = subject(
      mount_.add_image("amd64", {base_}, R"(,"config":{"Labels":{"x":"\u001b[2J\nevil"}})"));
  std::ostringstream out;
  write_comparison(out, {}, a, b, compare(a, b, quiet));
  EXPECT_TRUE(out.str().starts_with("A and B have the same layers but different configs.\n"))
      << out.str();
  EXPECT_NE(out.str().find(" > config.Labels.x  \\x1b[2J\\x0aevil\n"), std::string::npos)
      << out.str();
  EXPECT_EQ(out.str().find('\x1b'), std::string::npos);
}

TEST_F(Compare, WritesJsonWithAVersion) {
  Progress quiet(ShowProgress::no);
  const Subject a = subject(mount_.add_image("amd64", {base_}));
  const Subject b = subject(mount_.add_image("amd64", {base_as_zstd_}));
  const std::vector<FileChange> files = {
      {.kind = FileChangeKind::removed, .path = "/x\xff", .layer_a = "00", .removed_by = "01"}};
  const auto json = nlohmann::json::parse(comparison_json(a, b, compare(a, b, quiet), &files));
  EXPECT_EQ(json["schema"], "digestfs-compare/1");
  EXPECT_EQ(json["same"], false);
  EXPECT_EQ(json["relation"], "recompressed");
  EXPECT_EQ(json["layers"][0]["a"]["blob"], digest_of(base_.blob).str());
  EXPECT_EQ(json["layers"][0]["b"]["blob"], digest_of(base_as_zstd_.blob).str());
  EXPECT_EQ(json["files"][0]["removedBy"], "01");
}

/// Two images of two layers of which the base is the same, with files.
class CompareFiles : public Compare {
 protected:
  CompareFiles() {
    // FakeMount has no xattrs: what is in a tree tells the layer.
    for (const Digest& image : {a_, b_}) {
      put(image, 0, "etc/same", "same");
      put(image, 0, "etc/edited", "before");
      put(image, 0, "lib/gone/file", "x");
      put(image, 0, "opaque/hidden", "x");
    }
    put(a_, 1, "bin/a", "a");
    put(b_, 1, "bin/b", "b");
    put(b_, 1, "etc/edited", "behind");
    plant(b_, "layers/01/tree/lib/.wh.gone", "");
    plant(b_, "layers/01/tree/opaque/.wh..wh..opq", "");
    fs::remove_all(mount_.images(b_) / "rootfs/lib/gone");
    fs::remove_all(mount_.images(b_) / "rootfs/opaque/hidden");
    settle();
  }

  void plant(const Digest& image, const std::string& path, const std::string& bytes) {
    const fs::path file = mount_.images(image) / path;
    FakeMount::write(file, bytes);
    fs::last_write_time(file, fs::file_time_type(std::chrono::seconds(1)));
    settle();
  }
  /// Gives the directories of both images one time.
  void settle() {
    for (const Digest& image : {a_, b_}) {
      if (!fs::exists(mount_.images(image) / "rootfs")) continue;
      for (const auto& entry : fs::recursive_directory_iterator(mount_.images(image) / "rootfs")) {
        if (!entry.is_directory() || entry.is_symlink()) continue;
        fs::last_write_time(entry.path(), fs::file_time_type(std::chrono::seconds(1)));
      }
    }
  }
  /// Makes a file of both images say which layer it comes from, as a mount does. Returns false if
  /// the file system of the test has no such attributes.
  bool set_layer(const std::string& path, const std::string& layer) {
    for (const Digest& image : {a_, b_}) {
      const fs::path file = mount_.images(image) / "rootfs" / path;
      if (::setxattr(file.c_str(), "user.digestfs.layer", layer.data(), layer.size(), 0) != 0) {
        return false;
      }
    }
    return true;
  }
  void put(const Digest& image, int layer, const std::string& path, const std::string& bytes) {
    plant(image, "layers/0" + std::to_string(layer) + "/tree/" + path, bytes);
    plant(image, "rootfs/" + path, bytes);
  }
  [[nodiscard]] std::vector<std::string> changes() const {
    std::vector<std::string> lines;
    Progress progress(ShowProgress::no);
    compare_files(*subject(a_).image, *subject(b_).image, progress, [&](const FileChange& change) {
      std::ostringstream out;
      write_file_change(out, change);
      lines.push_back(out.str());
    });
    return lines;
  }

  Digest a_ = mount_.add_image("amd64", {base_, top_});
  Digest b_ = mount_.add_image("amd64", {base_, other_});
};

TEST_F(CompareFiles, SaysWhichLayerBroughtAndRemovedWhat) {
  EXPECT_EQ(changes(), (std::vector<std::string>{
                           " < /bin/a  (layer 01 of A)\n",
                           " > /bin/b  (layer 01 of B)\n",
                           " ~ /etc/edited  content  (layer 00 of A, 01 of B)\n",
                           " < /lib/gone/  (layer 00 of A, removed by layer 01 of B)\n",
                           " < /opaque/hidden  (layer 00 of A, removed by layer 01 of B)\n",
                       }));
}

TEST_F(CompareFiles, ReadsNoContentOnlyIfTheMountSaysThatItIsOfTheBase) {
  plant(b_, "rootfs/etc/same", "SAME");
  // The trees make it likely that the base brought the file, and are not believed.
  auto lines = changes();
  ASSERT_EQ(lines.size(), 6U);
  EXPECT_EQ(lines[3], " ~ /etc/same  content  (layer ? of A, ? of B)\n");
  if (!set_layer("etc/same", "00")) GTEST_SKIP() << "the file system has no attributes";
  // A difference that cannot be, and is not seen because nobody looks.
  EXPECT_EQ(changes().size(), 5U);
  // It is in no layer of the base, so that somebody has to look.
  ASSERT_TRUE(set_layer("etc/same", "01"));
  lines = changes();
  ASSERT_EQ(lines.size(), 6U);
  EXPECT_EQ(lines[3], " ~ /etc/same  content  (layer 01 of A, 01 of B)\n");
}

TEST_F(CompareFiles, ComparesLinksWhateverLayerSeemsToHaveBroughtThem) {
  for (const Digest& image : {a_, b_}) {
    fs::create_symlink("libfoo.so.1", mount_.images(image) / "layers/00/tree/etc/libfoo.so");
  }
  // Its layer brought it by another path, through a linked directory.
  fs::create_symlink("libfoo.so.2", mount_.images(a_) / "rootfs/etc/libfoo.so");
  fs::create_symlink("libfoo.so.1", mount_.images(b_) / "rootfs/etc/libfoo.so");
  settle();
  const auto lines = changes();
  ASSERT_EQ(lines.size(), 6U);
  EXPECT_TRUE(lines[3].starts_with(" ~ /etc/libfoo.so  target libfoo.so.2 → libfoo.so.1"))
      << lines[3];
  EXPECT_TRUE(lines[3].ends_with("(layer ? of A, ? of B)\n")) << lines[3];
}

TEST_F(CompareFiles, ComparesTheTimesAndAttributesOfDirectories) {
  fs::last_write_time(mount_.images(b_) / "rootfs/etc",
                      fs::file_time_type(std::chrono::seconds(2)));
  auto lines = changes();
  ASSERT_EQ(lines.size(), 6U);
  EXPECT_TRUE(lines[2].starts_with(" ~ /etc  time")) << lines[2];
  const fs::path directory = mount_.images(b_) / "rootfs/etc";
  if (::setxattr(directory.c_str(), "user.k", "b", 1, 0) != 0) {
    GTEST_SKIP() << "the file system has no attributes";
  }
  lines = changes();
  ASSERT_EQ(lines.size(), 6U);
  EXPECT_TRUE(lines[2].starts_with(" ~ /etc  time, attributes")) << lines[2];
}

TEST_F(CompareFiles, FollowsNoLinkOutOfTheImage) {
  fs::create_symlink("/etc", mount_.images(a_) / "rootfs/link");
  fs::create_symlink("/usr", mount_.images(b_) / "rootfs/link");
  settle();
  const auto lines = changes();
  ASSERT_EQ(lines.size(), 6U);
  EXPECT_TRUE(lines[4].starts_with(" ~ /link  target /etc → /usr")) << lines[4];
}

TEST_F(CompareFiles, TellsModesAndTypes) {
  fs::permissions(mount_.images(b_) / "rootfs/etc/edited", fs::perms(0600));
  fs::remove(mount_.images(b_) / "rootfs/etc/same");
  plant(b_, "rootfs/etc/same/now-a-directory", "");
  fs::create_directories(mount_.images(b_) / "layers/01/tree/etc/same");
  settle();
  const auto lines = changes();
  ASSERT_EQ(lines.size(), 6U);
  EXPECT_EQ(lines[2], " ~ /etc/edited  mode 0644 → 0600, content  (layer 00 of A, 01 of B)\n");
  EXPECT_EQ(lines[3], " ~ /etc/same  type file → directory  (layer 00 of A, 01 of B)\n");
}

}  // namespace
}  // namespace digestfs::companions
