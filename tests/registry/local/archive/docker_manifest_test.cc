// SPDX-License-Identifier: Apache-2.0
#include "registry/local/archive/docker_manifest.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "tests/registry/local/local_fixture.h"

namespace digestfs::registry {
namespace {

using test::failure_of;
using List = std::vector<std::string>;

TEST(DockerManifest, SaysWhatMakesUpEachImage) {  // LOC-2
  const DockerManifest manifest = parse_docker_manifest(
      R"([{"Config":"a.json","RepoTags":["x:1","y:2"],"Layers":["0.tar","1.tar"],"Parent":"p"},)"
      R"({"Config":"blobs/sha256/b","RepoTags":null,"Layers":null,"LayerSources":{}}])");
  ASSERT_EQ(manifest.images.size(), 2U);
  EXPECT_EQ(manifest.images[0].config, "a.json");
  EXPECT_EQ(manifest.images[0].names, (List{"x:1", "y:2"}));
  EXPECT_EQ(manifest.images[0].layers, (List{"0.tar", "1.tar"}));
  EXPECT_EQ(manifest.images[1].config, "blobs/sha256/b");
  EXPECT_TRUE(manifest.images[1].names.empty());
  EXPECT_TRUE(manifest.images[1].layers.empty());
  EXPECT_TRUE(manifest.left_out.empty());
}

TEST(DockerManifest, LeavesOutWhatIsNoImage) {
  const DockerManifest manifest = parse_docker_manifest(
      R"([null,[],{},{"Config":7},{"Config":""},{"Config":"a","RepoTags":"x"},)"
      R"({"Config":"a","Layers":[1]},{"Config":"good"}])");
  ASSERT_EQ(manifest.images.size(), 1U);
  EXPECT_EQ(manifest.images[0].config, "good");
  ASSERT_EQ(manifest.left_out.size(), 7U);
  EXPECT_EQ(manifest.left_out[6].name, "manifest.json entry 6");
}

TEST(DockerManifest, IsRefusedIfItIsNoList) {
  for (const char* bad : {"", "{}", "null", "[", R"("x")", "[]x"}) {
    EXPECT_EQ(failure_of([&] { static_cast<void>(parse_docker_manifest(bad)); }).code,
              Errc::corrupt)
        << bad;
  }
  EXPECT_TRUE(parse_docker_manifest("[]").images.empty());
}

TEST(DockerManifest, ListsNoMoreThanTenThousandImages) {
  std::string list = "[0";
  for (int i = 1; i < 10'000; ++i) list += ",0";
  EXPECT_EQ(parse_docker_manifest(list + "]").left_out.size(), 1000U);
  EXPECT_EQ(failure_of([&] { static_cast<void>(parse_docker_manifest(list + ",0]")); }).code,
            Errc::too_large);
}

// The bytes are skopeo's, of an image of podman.
TEST(DockerManifest, IsMadeAsSkopeoMakesIt) {
  const auto digest = [](const std::string& hex) { return Digest::parse("sha256:" + hex).value(); };
  const std::string made = make_docker_manifest(
      {.digest = digest("56bfe529a4747bb4dd0ff05892e4bf560c16fd8aeb8ccbeb8688d9a96a98a5ed"),
       .size = 855},
      {{digest("21249e74d5ad966d7a00c7042ce06121494ad07032d6d14ddc52b7252dc58680"), 2048},
       {digest("011bef4dc2a33e795e7e614ed32c7d989cb079f038e550ede58035f62e62f071"), 5632}});
  EXPECT_EQ(
      made,
      R"({"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json",)"
      R"("config":{"mediaType":"application/vnd.docker.container.image.v1+json","size":855,)"
      R"("digest":"sha256:56bfe529a4747bb4dd0ff05892e4bf560c16fd8aeb8ccbeb8688d9a96a98a5ed"},)"
      R"("layers":[{"mediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip","size":2048,)"
      R"("digest":"sha256:21249e74d5ad966d7a00c7042ce06121494ad07032d6d14ddc52b7252dc58680"},)"
      R"({"mediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip","size":5632,)"
      R"("digest":"sha256:011bef4dc2a33e795e7e614ed32c7d989cb079f038e550ede58035f62e62f071"}]})");
  EXPECT_EQ(digest_of(made),
            digest("9b403bd336ea79b8f5cab6fbfad8c966eaffcf53f641571d33cdebb2f805397a"));
  EXPECT_TRUE(make_docker_manifest({.digest = digest(std::string(64, 'a'))}, {})
                  .ends_with(R"("layers":[]})"));
}

}  // namespace
}  // namespace digestfs::registry
