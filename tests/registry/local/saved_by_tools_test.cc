// SPDX-License-Identifier: Apache-2.0
// Archives and directories that skopeo and podman write, and what skopeo says of them.

#include <chrono>
#include <cstdlib>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/text.h"
#include "registry/image/manifest.h"
#include "registry/local/dir_layout.h"
#include "registry/local/docker_archive.h"
#include "registry/local/oci_archive.h"
#include "tests/registry/local/local_fixture.h"

namespace digestfs::registry {
namespace {

using List = std::vector<std::string>;
using namespace std::chrono_literals;

/// Three layers, the first and last of which are the same.
std::vector<test::Layer> layers() {
  return {test::gzip_layer({{"etc/", "", '5'}, {"etc/os-release", "NAME=test\n"}}),
          test::plain_layer({{"numbers", test::noise(123'457)}}),
          test::gzip_layer({{"etc/", "", '5'}, {"etc/os-release", "NAME=test\n"}})};
}

class SavedByTools : public testing::Test {
 protected:
  SavedByTools() : image_(test::add_image(set_, layers())) {
    set_.tag("v1", image_.manifest);
    set_.write_layout(directory_.path() / "layout");
  }
  void SetUp() override {
    for (const char* tool : {"skopeo", "podman"}) {
      if (!is_installed(tool)) GTEST_SKIP() << tool << " is not installed";
    }
  }

  [[nodiscard]] static bool is_installed(const std::string& tool) {
    const char* variable = std::getenv("PATH");
    std::string folders = variable != nullptr ? variable : "";
    while (!folders.empty()) {
      const auto colon = folders.find(':');
      const std::filesystem::path folder = folders.substr(0, colon);
      if (::access((folder / tool).c_str(), X_OK) == 0) return true;
      folders.erase(0, colon == std::string::npos ? folders.size() : colon + 1);
    }
    return false;
  }

  [[nodiscard]] std::string path(const std::string& name) const {
    return (directory_.path() / name).native();
  }

  /// Runs a program to its end, and returns its output.
  std::string run(const List& arguments) {
    const auto log = directory_.path() / str_cat("log", ++runs_);
    test::Process process(arguments, log);
    const int code = process.wait(300s);
    std::string output = test::slurp(log);
    EXPECT_EQ(code, 0) << arguments.front() << ": " << output;
    return output;
  }
  std::string skopeo_copy(const std::string& from, const std::string& to,
                          const List& options = {}) {
    List arguments = {"skopeo", "--insecure-policy", "copy", "--quiet"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    arguments.insert(arguments.end(), {from, to});
    return run(arguments);
  }
  /// The manifest as skopeo shows it.
  std::string inspect(const std::string& source) {
    return run({"skopeo", "inspect", "--raw", source});
  }
  std::string podman(List arguments) {
    arguments.insert(arguments.begin(), {"podman", "--root", path("root"), "--runroot", path("run"),
                                         "--storage-driver", "vfs"});
    return run(arguments);
  }
  [[nodiscard]] std::string layout() const { return "oci:" + path("layout") + ":v1"; }

  /// Checks that `image` of the source is what skopeo says, and that all of it is there and right.
  void expect_image(Source& source, const Digest& image, const std::string& as_skopeo_says) {
    const std::string bytes = test::fetched(source, image);
    EXPECT_EQ(bytes, as_skopeo_says);
    EXPECT_EQ(digest_of(bytes), image);
    const Manifest manifest = parse_manifest(bytes);
    ASSERT_TRUE(manifest.config);
    EXPECT_EQ(manifest.config->digest, image_.config.digest) << "the image ID";
    std::vector<Descriptor> objects = {*manifest.config};
    for (const auto& layer : manifest.layers) objects.push_back(layer.value());
    EXPECT_EQ(objects.size(), 4U);
    for (const Descriptor& object : objects) {
      const std::string content = test::fetched(source, object.digest);
      EXPECT_EQ(digest_of(content), object.digest);
      EXPECT_EQ(content.size(), object.size);
    }
  }

  test::ObjectSet set_;
  test::Image image_;
  test::TemporaryDirectory directory_;

 private:
  int runs_ = 0;
};

TEST_F(SavedByTools, ADirectoryOfSkopeoHasItsDigest) {  // LOC-3
  const std::string directory = path("directory");
  for (const List& options : {List(), List{"--format", "v2s2"}}) {
    skopeo_copy(layout(), "dir:" + directory, options);
    DirLayout source(directory);
    const TagPage page = source.list_tags({}, {});
    ASSERT_EQ(page.untagged.size(), 1U);
    expect_image(source, page.untagged[0].digest, inspect("dir:" + directory));
  }
}

TEST_F(SavedByTools, ADirectoryOfAnIndexHasAllItsManifests) {
  const auto arm = test::add_image(set_, {test::gzip_layer({{"arm"}})}, "arm64");
  set_.tag("multi", test::add_index(set_, {image_, arm}));
  set_.write_layout(path("layout"));
  const std::string directory = path("directory");
  skopeo_copy("oci:" + path("layout") + ":multi", "dir:" + directory, {"--all"});
  DirLayout source(directory);
  const auto index = source.list_tags({}, {}).untagged.at(0);
  EXPECT_EQ(test::fetched(source, index.digest), inspect("dir:" + directory));
  for (const test::Image& image : {image_, arm}) {
    EXPECT_EQ(digest_of(test::fetched(source, image.manifest.digest)), image.manifest.digest);
    EXPECT_TRUE(source.find(Endpoint::blobs, image.config.digest, {}));
  }
}

TEST_F(SavedByTools, AnOciArchiveOfSkopeoHasItsDigest) {  // LOC-1
  const std::string file = path("oci.tar");
  skopeo_copy(layout(), "oci-archive:" + file + ":localhost/demo:v2");
  OciArchive source(file);
  EXPECT_EQ(source.list_tags({}, {}).tags, List{"v2"});
  expect_image(source, source.resolve("v2", {}).value().digest, inspect("oci-archive:" + file));
}

TEST_F(SavedByTools, ADockerArchiveOfSkopeoHasTheDigestThatSkopeoGivesIt) {  // LOC-2
  const std::string file = path("docker.tar");
  skopeo_copy(layout(), "docker-archive:" + file + ":demo:v2");
  const std::string said = inspect("docker-archive:" + file);
  for (const char* program : {"", "gzip", "zstd"}) {
    std::string name = file;
    if (*program != '\0') {
      run({program, "--keep", "--quiet", file});
      name += std::string(program) == "gzip" ? ".gz" : ".zst";
    }
    DockerArchive archive(name);
    EXPECT_EQ(archive.list({}, {}).names, List{"docker.io/library/demo"});
    const auto source = archive.open("docker.io/library/demo", {});
    ASSERT_TRUE(source);
    const Digest image = source->resolve("v2", {}).value().digest;
    expect_image(*source, image, said);
    EXPECT_NE(source->made(image), "");
  }
}

// No tool here writes one; umoci and others do.
TEST_F(SavedByTools, SkopeoGivesTheSameDigestToAnArchiveOfCompressedLayers) {
  const std::string file = path("docker.tar");
  std::vector<test::TarEntry> members;
  std::string names;
  for (const test::Layer& layer : layers()) {
    const std::string name = str_cat("layer", members.size(), ".tar");
    names += str_cat(names.empty() ? "" : ",", "\"", name, "\"");
    members.push_back({name, test::gzip(layer.diff)});
  }
  members.push_back({"config.json", set_.objects().at(image_.config.digest).bytes});
  members.push_back({"manifest.json", str_cat(R"([{"Config":"config.json","RepoTags":["demo:1"],)",
                                              R"("Layers":[)", names, "]}]")});
  test::write_file(file, test::tar(members));
  DockerArchive archive(file);
  const auto source = archive.open("docker.io/library/demo", {});
  ASSERT_TRUE(source);
  expect_image(*source, source->resolve("1", {}).value().digest, inspect("docker-archive:" + file));
}

TEST_F(SavedByTools, ArchivesOfPodmanHaveTheDigestsThatSkopeoGivesThem) {
  skopeo_copy(layout(),
              "containers-storage:[vfs@" + path("root") + "+" + path("run") + "]localhost/demo:1");
  podman({"tag", "localhost/demo:1", "localhost/demo:2", "quay.io/a/b:latest"});
  const std::string docker = path("docker.tar");
  podman({"save", "--quiet", "--multi-image-archive", "--format", "docker-archive", "-o", docker,
          "localhost/demo:1", "localhost/demo:2", "quay.io/a/b:latest"});
  DockerArchive archive(docker);
  EXPECT_EQ(archive.list({}, {}).names, (List{"localhost/demo", "quay.io/a/b"}));
  const auto source = archive.open("localhost/demo", {});
  ASSERT_TRUE(source);
  EXPECT_EQ(source->list_tags({}, {}).tags, (List{"1", "2"}));
  expect_image(*source, source->resolve("2", {}).value().digest,
               inspect("docker-archive:" + docker + ":localhost/demo:2"));
  EXPECT_EQ(archive.everything()->list_tags({}, {}).untagged.size(), 1U);
  EXPECT_TRUE(archive.list({}, {}).left_out.empty());

  const std::string nameless = path("nameless.tar");
  podman({"save", "--quiet", "--format", "docker-archive", "-o", nameless,
          std::string(image_.config.digest.encoded())});
  DockerArchive other(nameless);
  EXPECT_TRUE(other.list({}, {}).names.empty());
  EXPECT_EQ(other.everything()->list_tags({}, {}).untagged.at(0).digest,
            source->resolve("1", {}).value().digest);

  const std::string oci = path("oci.tar");
  podman({"save", "--quiet", "--format", "oci-archive", "-o", oci, "localhost/demo:1"});
  OciArchive layout(oci);
  expect_image(layout, layout.resolve("1", {}).value().digest, inspect("oci-archive:" + oci));
  podman({"rmi", "--all", "--force"});
}

}  // namespace
}  // namespace digestfs::registry
