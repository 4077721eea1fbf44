// SPDX-License-Identifier: Apache-2.0
#include "registry/local/registry_storage.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "tests/registry/source_conformance.h"
#include "tests/support/mounted.h"
#include "tests/support/not_root.h"

namespace digestfs::registry {
namespace {

namespace fs = std::filesystem;
using List = std::vector<std::string>;

void write(const fs::path& path, std::string_view text) {
  fs::create_directories(path.parent_path());
  const UniqueFd file = open_file(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  write_all(file.get(), as_bytes(text));
}

/// A registry's storage that is made by hand.
class Storage {
 public:
  [[nodiscard]] fs::path path(const std::string& name = "") const {
    return directory_.path() / "docker/registry/v2" / name;
  }
  [[nodiscard]] const fs::path& root() const { return directory_.path(); }
  [[nodiscard]] fs::path in(const std::string& repository, const std::string& name) const {
    return path("repositories/" + repository) / name;
  }
  [[nodiscard]] fs::path blob(const Digest& digest) const {
    const std::string hex(digest.encoded());
    return path("blobs/sha256") / hex.substr(0, 2) / hex / "data";
  }
  Digest add_blob(const std::string& bytes) const {
    const Digest digest = digest_of(bytes);
    write(blob(digest), bytes);
    return digest;
  }
  void add_layer(const std::string& repository, const Digest& digest) const {
    write(in(repository, "_layers/sha256") / digest.encoded() / "link", digest.str());
  }
  void add_revision(const std::string& repository, const Digest& digest) const {
    write(in(repository, "_manifests/revisions/sha256") / digest.encoded() / "link", digest.str());
  }
  void add_tag(const std::string& repository, const std::string& tag, const Digest& digest) const {
    write(in(repository, "_manifests/tags") / tag / "current/link", digest.str());
  }
  /// Adds a manifest of these bytes with the tag.
  Digest add_tagged(const std::string& repository, const std::string& tag,
                    const std::string& bytes) const {
    const Digest digest = add_blob(bytes);
    add_revision(repository, digest);
    add_tag(repository, tag, digest);
    return digest;
  }
  void add(const test::ObjectSet& set, const std::string& repository) const {
    fs::create_directories(in(repository, "_manifests"));
    for (const auto& [digest, object] : set.objects()) {
      add_blob(object.bytes);
      const bool is_blob = object.endpoint == Endpoint::blobs;
      is_blob ? add_layer(repository, digest) : add_revision(repository, digest);
    }
    for (const auto& [tag, descriptor] : set.tags()) add_tag(repository, tag, descriptor.digest);
  }

 private:
  test::TemporaryDirectory directory_;
};

class RegistryStorageTest : public testing::Test {
 protected:
  RegistryStorageTest() { fs::create_directories(storage_.path("repositories")); }

  [[nodiscard]] RegistryStorage place() const { return RegistryStorage(storage_.root()); }
  [[nodiscard]] TagPage tags(const std::string& repository) const {
    return place().open(repository, {})->list_tags({}, {});
  }
  [[nodiscard]] static List names(const std::vector<LeftOut>& left_out) {
    List found;
    for (const LeftOut& name : left_out) {
      EXPECT_NE(name.reason, "");
      found.push_back(name.name);
    }
    return found;
  }
  [[nodiscard]] static List digests(const std::vector<Descriptor>& descriptors) {
    List found;
    for (const Descriptor& descriptor : descriptors) found.push_back(descriptor.digest.str());
    return found;
  }
  [[nodiscard]] static Errc refusal(const fs::path& path) {
    try {
      RegistryStorage{path};
    } catch (const Error& error) {
      return error.code();
    }
    throw std::logic_error("it was opened");
  }

  Storage storage_;
};

TEST_F(RegistryStorageTest, IsTheRootDirectoryOrTheDirectoryInIt) {
  storage_.add_tagged("a/b", "t", "{}");
  for (const fs::path& path : {storage_.root(), storage_.path(), storage_.root() / ""}) {
    RegistryStorage place(path);
    EXPECT_EQ(place.list({}, {}).names, List{"a/b"}) << path;
  }
  EXPECT_EQ(place().name(), "registry-storage:" + storage_.root().native());
  EXPECT_EQ(RegistryStorage(storage_.root() / "").name(), place().name());
  EXPECT_EQ(place().open("a/b", {})->name(), place().name() + ":a/b");
}

TEST_F(RegistryStorageTest, IsNoOtherDirectory) {
  const test::TemporaryDirectory other;
  EXPECT_EQ(refusal(other.path()), Errc::not_found);
  EXPECT_EQ(refusal(other.path() / "missing"), Errc::not_found);
}

TEST_F(RegistryStorageTest, ListsRepositoriesInRepositories) {
  storage_.add_tagged("a", "t", "{}");
  storage_.add_tagged("a/b", "t", "{}");
  storage_.add_tagged("x/y/z", "t", "{}");
  fs::create_directories(storage_.in("empty", "_layers"));
  EXPECT_EQ(place().list({}, {}).names, (List{"a", "a/b", "x/y/z"}));
  EXPECT_TRUE(place().open("a", {}));
  for (const char* name : {"x", "empty", "none", "a/_manifests", "../repositories/a", "", "/a"}) {
    EXPECT_FALSE(place().open(name, {})) << name;
  }
}

TEST_F(RegistryStorageTest, LeavesOutAFolderThatCannotBeReadAndKeepsItsSiblings) {
  storage_.add_tagged("closed", "t", "{}");
  storage_.add_tagged("good", "t", "{}");
  storage_.add_tagged("zoo", "t", "{}");
  RegistryStorage place = this->place();
  fs::permissions(storage_.path("repositories/closed"), fs::perms::none);
  const test::NotRoot somebody;
  const auto page = place.list({}, {});
  EXPECT_EQ(page.names, (List{"good", "zoo"}));
  EXPECT_EQ(names(page.left_out), List{"closed"});
  try {
    static_cast<void>(place.open("closed", {}));
    FAIL() << "nobody can tell";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::denied);
  }
}

TEST_F(RegistryStorageTest, LeavesOutFoldersThatAreNoRepositories) {
  storage_.add_tagged("good", "t", "{}");
  storage_.add_tagged("UPPER", "t", "{}");
  storage_.add_tagged("good/-odd", "t", "{}");
  fs::create_directory_symlink("good", storage_.path("repositories/link"));
  const auto page = place().list({}, {});
  EXPECT_EQ(page.names, List{"good"});
  EXPECT_EQ(names(page.left_out), (List{"UPPER", "good/-odd", "link"}));
}

TEST_F(RegistryStorageTest, ListsManifestsWithoutATag) {
  const Digest tagged = storage_.add_tagged("a", "t", "{}");
  const Digest untagged = storage_.add_blob("{ }");
  storage_.add_revision("a", untagged);
  const TagPage page = tags("a");
  EXPECT_EQ(page.tags, List{"t"});
  EXPECT_EQ(digests(page.untagged), List{untagged.str()});
  EXPECT_EQ(page.untagged[0].size, 3U);
  EXPECT_EQ(names(page.left_out), List{});
}

TEST_F(RegistryStorageTest, LeavesOutBrokenLinks_S4) {
  storage_.add_tagged("a", "good", "{}");
  const Digest newline = storage_.add_tagged("a", "newline", "1");
  write(storage_.in("a", "_manifests/tags/newline/current/link"), newline.str() + "\n");
  storage_.add_tagged("a", "garbage", "2");
  write(storage_.in("a", "_manifests/tags/garbage/current/link"), "../../etc/passwd");
  storage_.add_tagged("a", "long", "2");
  write(storage_.in("a", "_manifests/tags/long/current/link"), std::string(100000, 'x'));
  fs::create_directories(storage_.in("a", "_manifests/tags/unfinished/index/sha256"));
  const Digest missing = storage_.add_tagged("a", "dangling", "3");
  fs::remove(storage_.blob(missing));
  storage_.add_tag("a", "deleted", storage_.add_blob("4"));
  write(storage_.in("a", "_manifests/tags/-odd/current/link"), newline.str());
  const Digest fifo = storage_.add_tagged("a", "fifo", "5");
  fs::remove(storage_.blob(fifo));
  ASSERT_EQ(::mkfifo(storage_.blob(fifo).c_str(), 0600), 0);

  const TagPage page = tags("a");
  EXPECT_EQ(page.tags, (List{"good", "newline"}));
  List left_out = names(page.left_out);
  List expected = {"-odd", "dangling",   "deleted",     "fifo",    "garbage",
                   "long", "unfinished", missing.str(), fifo.str()};
  std::sort(left_out.begin(), left_out.end());
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(left_out, expected);
  const auto source = place().open("a", {});
  for (const char* tag : {"garbage", "unfinished", "dangling", "deleted", "fifo", "none"}) {
    EXPECT_FALSE(source->resolve(tag, {})) << tag;
  }
  EXPECT_FALSE(source->find(Endpoint::manifests, missing, {}));
}

TEST_F(RegistryStorageTest, IgnoresUploads_LOC6) {
  storage_.add_tagged("a", "t", "{}");
  write(storage_.in("a", "_uploads/0b1c/data"), "half");
  write(storage_.in("a", "_uploads/0b1c/startedat"), "2026");
  EXPECT_EQ(place().list({}, {}).names, List{"a"});
  EXPECT_EQ(names(tags("a").left_out), List{});
}

TEST_F(RegistryStorageTest, ShowsARepositoryWhatItLinksTo_LOC6) {
  storage_.add_tagged("a", "t", "{}");
  const Digest blob = storage_.add_blob("layer");
  storage_.add_layer("b", blob);
  storage_.add_tagged("b", "t", "{ }");
  EXPECT_FALSE(place().open("a", {})->find(Endpoint::blobs, blob, {}));
  ASSERT_TRUE(place().open("b", {})->find(Endpoint::blobs, blob, {}));
  EXPECT_EQ(place().open("b", {})->find(Endpoint::blobs, blob, {})->size, 5U);
  EXPECT_TRUE(place().everything()->find(Endpoint::blobs, blob, {}));
}

TEST_F(RegistryStorageTest, SeesWhatTheRegistryAddsMeanwhile) {
  storage_.add_tagged("a", "one", "1");
  auto source = place().open("a", {});
  EXPECT_EQ(source->list_tags({}, {}).tags, List{"one"});
  const Digest two = storage_.add_tagged("a", "one", "2");
  storage_.add_tagged("a", "three", "3");
  EXPECT_EQ(source->list_tags({}, {}).tags, (List{"one", "three"}));
  EXPECT_EQ(source->resolve("one", {})->digest, two);
  fs::remove_all(storage_.path("repositories/a"));
  EXPECT_THROW(static_cast<void>(source->list_tags({}, {})), Error);
}

TEST_F(RegistryStorageTest, TakesTheMediaTypeFromTheManifest_MT3) {
  storage_.add_tagged("a", "index", R"({"schemaVersion":2,"manifests":[]})");
  storage_.add_tagged("a", "none", "text");
  const auto source = place().open("a", {});
  EXPECT_EQ(source->resolve("index", {})->media_type, "application/vnd.oci.image.index.v1+json");
  EXPECT_EQ(source->resolve("none", {})->media_type, "");
}

TEST_F(RegistryStorageTest, ShowsEveryManifestAsOneRepositoryWithoutTags) {
  const Digest one = storage_.add_tagged("a", "t", "1");
  const Digest two = storage_.add_tagged("b/c", "t", "2");
  storage_.add_tagged("d", "t", "2");
  const auto page = place().everything()->list_tags({}, {});
  EXPECT_EQ(page.tags, List{});
  List found = digests(page.untagged);
  List expected = {one.str(), two.str()};
  std::sort(found.begin(), found.end());
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(found, expected);
  EXPECT_FALSE(place().everything()->resolve("t", {}));
}

class RegistryStorageFixture final : public SourceFixture {
 public:
  std::shared_ptr<Source> make(const test::ObjectSet& set) override {
    storage_.add(set, "test/images");
    return RegistryStorage(storage_.root()).open("test/images", {});
  }

 private:
  Storage storage_;
};

std::unique_ptr<SourceFixture> make_registry_storage_fixture() {
  return std::make_unique<RegistryStorageFixture>();
}

INSTANTIATE_TEST_SUITE_P(RegistryStorage, SourceConformance,
                         testing::Values(&make_registry_storage_fixture));

}  // namespace
}  // namespace digestfs::registry
