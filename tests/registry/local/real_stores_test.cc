// SPDX-License-Identifier: Apache-2.0
// What buildah, podman, skopeo and docker-registry keep on this disk is what they say it is, and
// every object hashes to its name.

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "registry/image/config.h"
#include "registry/image/manifest.h"
#include "registry/image/reference.h"
#include "registry/local/containers_storage.h"
#include "registry/local/registry_storage.h"
#include "tests/support/mounted.h"

namespace digestfs::registry {
namespace {

constexpr int kSkip = 77;

/// What the tools say of an image.
struct Fact {
  std::string repository;
  std::string tag;
  std::string manifest;
  std::string config;  ///< `-` for a list.
};

std::vector<Fact> read_facts(const std::filesystem::path& directory) {
  std::vector<Fact> facts;
  std::ifstream file(directory / "facts");
  for (std::string name, manifest, config; file >> name >> manifest >> config;) {
    const auto colon = name.rfind(':');
    facts.push_back({name.substr(0, colon), name.substr(colon + 1), manifest, config});
  }
  return facts;
}

class Text final : public ObjectSink {
 public:
  void begin(const Beginning& /*beginning*/) override {}
  void write(std::span<const std::byte> bytes) override { text += as_text(bytes); }
  std::string text;
};

/// Fetches an object, which must hash to its name.
std::string fetch(Source& source, Endpoint endpoint, const Digest& digest) {
  Text text;
  source.fetch(endpoint, digest, {}, text, {});
  EXPECT_EQ(digest_of(text.text), digest);
  const auto found = source.find(endpoint, digest, {});
  EXPECT_TRUE(found && found->size.value_or(text.text.size()) == text.text.size()) << digest;
  return text.text;
}

/// Checks what a fact says against the source, and returns the manifest's layers and their diffs.
void check(const Fact& fact, Source& source) {
  SCOPED_TRACE(fact.repository + ":" + fact.tag);
  const auto resolved = source.resolve(fact.tag, {});
  ASSERT_TRUE(resolved);
  EXPECT_EQ(resolved->digest.str(), fact.manifest);
  const Manifest manifest =
      parse_manifest(fetch(source, Endpoint::manifests, resolved->digest), resolved->media_type);
  if (fact.config == "-") {
    EXPECT_EQ(manifest.kind, ManifestKind::index);
    return;
  }
  ASSERT_TRUE(manifest.config);
  EXPECT_EQ(manifest.config->digest.str(), fact.config);
  const ImageConfig config = parse_config(fetch(source, Endpoint::blobs, manifest.config->digest));
  ASSERT_EQ(config.diff_ids.size(), manifest.layers.size());
  for (std::size_t i = 0; i < manifest.layers.size(); ++i) {
    fetch(source, Endpoint::blobs,
          source.keeps_diffs() ? *config.diff_ids[i] : manifest.layers[i]->digest);
  }
}

class RealContainersStorageTest : public testing::TestWithParam<const char*> {};

TEST_P(RealContainersStorageTest, ShowsWhatTheToolsSayBitForBit_LOC5) {
  const test::TemporaryDirectory directory;
  const std::string path = directory.path().native();
  const std::string script =
      std::string(DIGESTFS_SOURCE_DIR) + "/tests/registry/local/make_store.sh";
  const std::string command = script + " " + path + " " + GetParam() + " >" + path + "/log 2>&1";
  const int status = std::system(command.c_str());
  if (WIFEXITED(status) && WEXITSTATUS(status) == kSkip) GTEST_SKIP() << "no such store here";
  ASSERT_EQ(status, 0) << test::slurp(directory.path() / "log");

  ContainersStorage storage({GetParam(), path + "/root", path + "/run", {}});
  const auto facts = read_facts(directory.path());
  ASSERT_EQ(facts.size(), 6U);
  for (const Fact& fact : facts) {
    const auto source = storage.open(fact.repository, {});
    ASSERT_TRUE(source) << fact.repository;
    check(fact, *source);
    check(fact, *storage.open(fact.repository, {}));
  }
  const auto all = storage.everything()->list_tags({}, {});
  EXPECT_GE(all.untagged.size(), 5U);
  EXPECT_TRUE(all.left_out.empty());

  // The layers as they were compressed are not there, and nothing pretends that they are.
  const auto source = storage.open("localhost/demo", {});
  const Manifest packed =
      parse_manifest(fetch(*source, Endpoint::manifests, source->resolve("packed", {})->digest));
  for (const auto& layer : packed.layers) {
    EXPECT_FALSE(source->find(Endpoint::blobs, layer->digest, {}));
  }
  // A sparse file comes out as skopeo says that it does.
  const std::string word = test::slurp(directory.path() / "sparse");
  const auto sparse = source->resolve("sparse", {});
  ASSERT_EQ(sparse.has_value(), word != "absent\n") << word;
  if (!sparse) return;
  const Manifest manifest = parse_manifest(fetch(*source, Endpoint::manifests, sparse->digest));
  Text text;
  std::optional<Errc> code;
  try {
    source->fetch(Endpoint::blobs, manifest.layers[0]->digest, {}, text, {});
  } catch (const Error& error) {
    code = error.code();
  }
  EXPECT_EQ(code, word == "good\n" ? std::nullopt : std::optional(Errc::corrupt)) << word;
  EXPECT_EQ(digest_of(text.text) == manifest.layers[0]->digest, word == "good\n");
}

INSTANTIATE_TEST_SUITE_P(Drivers, RealContainersStorageTest, testing::Values("overlay", "vfs"));

TEST(RealRegistryStorage, ShowsWhatTheRunningRegistryServes_LOC6) {
  const test::TemporaryDirectory directory;
  const std::string path = directory.path().native();
  const std::string script =
      std::string(DIGESTFS_SOURCE_DIR) + "/tests/registry/local/make_registry.sh";
  ASSERT_EQ(::mkfifo((path + "/ready").c_str(), 0600), 0);
  // The registry runs until the pipe is closed.
  FILE* registry = ::popen((script + " " + path + " >" + path + "/out 2>&1").c_str(), "w");
  ASSERT_NE(registry, nullptr);
  const UniqueFd ready = open_file(AT_FDCWD, path + "/ready", O_RDONLY);
  std::byte byte{};
  // Nothing comes if the script ends.
  const bool is_ready = ::read(ready.get(), &byte, 1) == 1;
  if (is_ready) {
    RegistryStorage storage(path + "/storage");
    EXPECT_EQ(storage.list({}, {}).names, (std::vector<std::string>{"other", "test/images"}));
    const auto facts = read_facts(directory.path());
    EXPECT_EQ(facts.size(), 3U);
    for (const Fact& fact : facts) check(fact, *storage.open(fact.repository, {}));
    const auto other = storage.open("other", {});
    EXPECT_EQ(other->list_tags({}, {}).tags, std::vector<std::string>{"moved"});
    EXPECT_FALSE(other->resolve("deleted", {}));
    EXPECT_EQ(storage.everything()->list_tags({}, {}).untagged.size(), 2U);
  }
  const int status = ::pclose(registry);
  if (WIFEXITED(status) && WEXITSTATUS(status) == kSkip) GTEST_SKIP() << "no registry here";
  EXPECT_TRUE(is_ready) << test::slurp(directory.path() / "out");
}

}  // namespace
}  // namespace digestfs::registry
