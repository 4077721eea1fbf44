// SPDX-License-Identifier: Apache-2.0
#include "registry/local/containers_storage.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "registry/local/containers/image_record.h"
#include "tests/registry/local/containers/stored_layer.h"
#include "tests/registry/source_conformance.h"
#include "tests/support/mounted.h"

namespace digestfs::registry {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using List = std::vector<std::string>;
using Names = std::set<std::string>;

std::string hex(char c) { return std::string(64, c); }

/// A store that is made by hand.
class HandMade {
 public:
  explicit HandMade(std::string driver = "overlay") : driver_(std::move(driver)) { save(); }

  [[nodiscard]] const fs::path& root() const { return directory_.path(); }
  [[nodiscard]] fs::path images() const { return root() / (driver_ + "-images"); }
  [[nodiscard]] fs::path layers() const { return root() / (driver_ + "-layers"); }
  [[nodiscard]] StoreLocation location() const { return {driver_, root(), {}, {}}; }

  /// Adds an image without documents, to be changed by the test.
  json& add_image(const std::string& id, const List& names) {
    images_.push_back({{"id", id}, {"names", names}, {"big-data-names", json::array()}});
    return images_.back();
  }
  /// Adds a document to an image.
  Digest add_document(json& image, const std::string& key, const std::string& bytes) {
    const Digest digest = digest_of(bytes);
    image["big-data-names"].push_back(key);
    image["big-data-digests"][key] = digest.str();
    image["big-data-sizes"][key] = bytes.size();
    const BigData data{key, digest, {}};
    test::write_file_at(images() / image["id"].get<std::string>() / data.file_name(), bytes);
    return digest;
  }
  /// Adds an image whose manifest is `bytes`.
  Digest add_manifest(const std::string& id, const List& names, const std::string& bytes) {
    json& image = add_image(id, names);
    const Digest digest = add_document(image, "manifest", bytes);
    add_document(image, "manifest-" + digest.str(), bytes);
    image["digest"] = digest.str();
    return digest;
  }
  json& image(std::size_t number) { return images_[number]; }

  /// Adds a layer with these files, and returns its diff.
  std::string add_layer(const std::string& id, const std::string& parent,
                        const std::vector<test::StoredFile>& files) {
    const auto layer = test::store_files(files);
    for (const auto& file : files) test::write_file_at(diff(id) / file.name, file.content);
    fs::create_directories(diff(id));
    test::write_file_at(layers() / (id + ".tar-split.gz"), test::gzip(layer.tar_split));
    layers_.push_back({{"id", id},
                       {"parent", parent},
                       {"diff-digest", digest_of(layer.tar).str()},
                       {"diff-size", layer.tar.size()},
                       {"compressed-diff-digest", digest_of("blob of " + id).str()}});
    return layer.tar;
  }
  json& layer(std::size_t number) { return layers_[number]; }
  [[nodiscard]] fs::path diff(const std::string& id) const {
    return driver_ == "vfs" ? root() / "vfs/dir" / id : root() / driver_ / id / "diff";
  }

  /// Writes the records, as podman does: a new file takes the place of the old one.
  void save() const {
    write_records(images() / "images.json", images_);
    write_records(layers() / "layers.json", layers_);
    test::write_file_at(images() / "images.lock", "");
    test::write_file_at(layers() / "layers.lock", "");
  }
  static void write_records(const fs::path& path, const json& records) {
    test::write_file_at(path.native() + ".new", records.dump());
    fs::rename(path.native() + ".new", path);
  }

 private:
  std::string driver_;
  test::TemporaryDirectory directory_;
  json images_ = json::array();
  json layers_ = json::array();
};

class Received final : public ObjectSink {
 public:
  void begin(const Beginning& beginning) override { beginnings.push_back(beginning); }
  void write(std::span<const std::byte> bytes) override { text += as_text(bytes); }
  std::vector<Beginning> beginnings;
  std::string text;
};

std::string fetch(Source& source, const Digest& digest) {
  Received received;
  source.fetch(Endpoint::blobs, digest, {}, received, {});
  return received.text;
}

template <class Call>
std::pair<Errc, std::string> failure_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return {error.code(), error.what()};
  }
  throw std::logic_error("it did not fail");
}

class ContainersStorageTest : public testing::TestWithParam<const char*> {
 protected:
  [[nodiscard]] ContainersStorage place() {
    store_.save();
    return ContainersStorage(store_.location());
  }
  [[nodiscard]] std::shared_ptr<Source> open(const std::string& name) {
    return place().open(name, {});
  }
  static Names digests(const TagPage& page) {
    Names found;
    for (const Descriptor& descriptor : page.untagged) found.insert(descriptor.digest.str());
    return found;
  }

  HandMade store_{GetParam()};
};

TEST_P(ContainersStorageTest, ListsRepositoriesByTheNamesOfImages) {
  store_.add_manifest(hex('a'), {"localhost/demo:one", "docker.io/library/alpine:3"}, "{}");
  store_.add_manifest(hex('b'), {}, "{ }");
  auto storage = place();
  EXPECT_EQ(storage.list({}, {}).names, (List{"docker.io/library/alpine", "localhost/demo"}));
  EXPECT_EQ(storage.name(),
            std::string("containers-storage:[") + GetParam() + "@" + store_.root().native() + "]");
  EXPECT_EQ(storage.open("localhost/demo", {})->name(), storage.name() + "localhost/demo");
  EXPECT_FALSE(storage.open("localhost/none", {}));
}

TEST_P(ContainersStorageTest, ShowsTagsAndWhatTheyName) {
  const Digest one = store_.add_manifest(hex('a'), {"localhost/demo:one", "localhost/demo:two"},
                                         R"({"schemaVersion":2,"manifests":[]})");
  const auto source = open("localhost/demo");
  EXPECT_EQ(source->list_tags({}, {}).tags, (List{"one", "two"}));
  const auto resolved = source->resolve("two", {});
  ASSERT_TRUE(resolved);
  EXPECT_EQ(resolved->digest, one);
  EXPECT_EQ(resolved->media_type, "application/vnd.oci.image.index.v1+json");
  EXPECT_FALSE(source->resolve("three", {}));
}

TEST_P(ContainersStorageTest, FindsAListByItsIdAndByItsDigest) {
  const Digest list = store_.add_manifest(hex('7'), {"localhost/list:l"}, "{}");
  for (const auto& source : {open("localhost/list"), place().everything()}) {
    ASSERT_TRUE(source->resolve(hex('7'), {}));
    EXPECT_EQ(source->resolve(hex('7'), {})->digest, list);
    EXPECT_EQ(source->resolve(hex('7'), {})->annotations.at("containers-storage.image.id"),
              hex('7'));
    EXPECT_TRUE(source->find(Endpoint::manifests, list, {}));
  }
}

TEST_P(ContainersStorageTest, ShowsEverythingAsOneRepositoryWithoutTags) {
  const Digest one = store_.add_manifest(hex('a'), {"localhost/demo:one"}, "{}");
  const Digest two = store_.add_manifest(hex('b'), {}, "{ }");
  store_.add_image(hex('c'), {});
  const auto page = place().everything()->list_tags({}, {});
  EXPECT_EQ(page.tags, List{});
  EXPECT_EQ(digests(page), (Names{one.str(), two.str()}));
  ASSERT_EQ(page.left_out.size(), 1U);
  EXPECT_EQ(page.left_out[0].name, hex('c'));
}

TEST_P(ContainersStorageTest, ListsAnImageThatHasOnlyADigestAsItsName) {
  json& image = store_.add_image(hex('a'), {});
  const Digest digest = store_.add_document(image, "manifest", "{}");
  image["names"] = {"localhost/demo@" + digest.str()};
  const auto page = open("localhost/demo")->list_tags({}, {});
  EXPECT_EQ(page.tags, List{});
  EXPECT_EQ(digests(page), Names{digest.str()});
}

TEST_P(ContainersStorageTest, GivesManifestsAndConfigsAsTheyAreStored_LOC4) {
  json& image = store_.add_image(hex('a'), {"localhost/demo:one"});
  const Digest manifest = store_.add_document(image, "manifest", "manifest");
  const Digest other = digest_of("of another platform");
  store_.add_document(image, "manifest-" + other.str(), "of another platform");
  const Digest config = digest_of("config");
  store_.add_document(image, config.str(), "config");
  const Digest signature = store_.add_document(image, "signature-x", "signature");
  const auto source = open("localhost/demo");
  EXPECT_EQ(fetch(*source, manifest), "manifest");
  EXPECT_EQ(fetch(*source, other), "of another platform");
  EXPECT_EQ(fetch(*source, config), "config");
  EXPECT_EQ(source->find(Endpoint::blobs, config, {})->size, 6U);
  EXPECT_FALSE(source->find(Endpoint::blobs, signature, {}));
}

TEST_P(ContainersStorageTest, TakesTheLastManifestOfAnImageThatWasStoredTwice) {
  const Digest first = store_.add_manifest(hex('a'), {"localhost/demo:one"}, "first");
  const Digest last = store_.add_document(store_.image(0), "manifest", "last");
  store_.add_document(store_.image(0), "manifest-" + last.str(), "last");
  const auto source = open("localhost/demo");
  EXPECT_EQ(source->resolve("one", {})->digest, last);
  EXPECT_EQ(fetch(*source, last), "last");
  EXPECT_EQ(fetch(*source, first), "first") << "podman images shows this digest";
}

TEST_P(ContainersStorageTest, MakesTheTarsOfLayers_LOC5) {
  const std::string base = store_.add_layer(hex('1'), "", {{"a", "base"}});
  const std::string top = store_.add_layer(hex('2'), hex('1'), {{"b", test::noise(300'000)}});
  const std::string hidden = store_.add_layer(hex('3'), hex('1'), {{"c", "a container's"}});
  store_.add_manifest(hex('a'), {"localhost/demo:one"}, "{}");
  store_.image(0)["layer"] = hex('2');
  store_.add_manifest(hex('b'), {"localhost/other:one"}, "{ }");
  const auto source = open("localhost/demo");
  EXPECT_TRUE(source->keeps_diffs());
  EXPECT_EQ(fetch(*source, digest_of(base)), base);
  EXPECT_EQ(fetch(*source, digest_of(top)), top);
  EXPECT_EQ(source->find(Endpoint::blobs, digest_of(top), {})->size, top.size());
  EXPECT_FALSE(source->find(Endpoint::blobs, digest_of(hidden), {})) << "it is of no image";
  EXPECT_FALSE(open("localhost/other")->find(Endpoint::blobs, digest_of(top), {}));
  EXPECT_TRUE(place().everything()->find(Endpoint::blobs, digest_of(top), {}));
}

TEST_P(ContainersStorageTest, SaysWhyItCannotGiveALayer) {
  const std::string tar = store_.add_layer(hex('1'), "", {{"a", "base"}});
  store_.add_manifest(hex('a'), {"localhost/demo:one"}, "{}");
  store_.image(0)["layer"] = hex('1');
  const auto source = open("localhost/demo");
  const Digest blob = digest_of("blob of " + hex('1'));
  EXPECT_FALSE(source->find(Endpoint::blobs, blob, {}));
  const auto compressed = failure_of([&] { fetch(*source, blob); });
  EXPECT_EQ(compressed.first, Errc::not_found);
  EXPECT_NE(compressed.second.find(digest_of(tar).str()), std::string::npos) << compressed.second;

  // As of an image that was pulled when the store had its layers already.
  const auto unknown = failure_of([&] { fetch(*source, digest_of("another blob of it")); });
  EXPECT_EQ(unknown.first, Errc::not_found);
  EXPECT_NE(unknown.second.find("no layer as it was compressed"), std::string::npos)
      << unknown.second;

  test::write_file_at(store_.diff(hex('1')) / "a", "best");
  const auto changed = failure_of([&] { fetch(*source, digest_of(tar)); });
  EXPECT_EQ(changed.first, Errc::corrupt) << "S3";
  EXPECT_NE(changed.second.find("its file a"), std::string::npos) << changed.second;

  fs::remove(store_.layers() / (hex('1') + ".tar-split.gz"));
  EXPECT_FALSE(source->find(Endpoint::blobs, digest_of(tar), {}));
  EXPECT_EQ(failure_of([&] { fetch(*source, digest_of(tar)); }).first, Errc::not_found);
}

// podman stores the layers of composefs and zstd:chunked like this.
TEST_P(ContainersStorageTest, SaysThatALayerIsStoredWithoutItsDiffId_LOC4) {
  const Digest named = digest_of(store_.add_layer(hex('1'), hex('2'), {{"a", "claimed"}}));
  const Digest unnamed = digest_of(store_.add_layer(hex('2'), hex('3'), {{"b", "not claimed"}}));
  const std::string whole = store_.add_layer(hex('3'), "", {{"c", "as usual"}});
  for (const std::size_t layer : {0U, 1U}) {
    store_.layer(layer)["diff-digest"] = "";
    store_.layer(layer)["toc-digest"] = digest_of("table of contents").str();
  }
  store_.layer(0)["flags"]["expected-layer-diffid"] = named.str();
  store_.add_manifest(hex('a'), {"localhost/demo:one"}, "{}");
  store_.image(0)["layer"] = hex('1');
  const auto source = open("localhost/demo");
  for (const auto& [diff, layer, start] :
       {std::tuple(named, hex('1'), "cannot give "), std::tuple(unnamed, hex('2'), "has no ")}) {
    EXPECT_FALSE(source->find(Endpoint::blobs, diff, {}));
    const auto failure = failure_of([&, &diff = diff] { fetch(*source, diff); });
    EXPECT_EQ(failure.first, Errc::not_found);
    for (const std::string& words : {start + diff.str(), layer, std::string("zstd:chunked")}) {
      EXPECT_NE(failure.second.find(words), std::string::npos) << failure.second;
    }
  }
  EXPECT_EQ(fetch(*source, digest_of(whole)), whole) << "a layer below it is given";
}

// A layer of a container that is gone after the next start, and the place for such layers in the
// runroot.
TEST_P(ContainersStorageTest, FindsVolatileLayers_LOC4) {
  const std::string top = store_.add_layer(hex('1'), hex('2'), {{"a", "of the store"}});
  const std::string middle = store_.add_layer(hex('2'), hex('3'), {{"b", "of the runroot"}});
  const std::string base = store_.add_layer(hex('3'), "", {{"c", "stays"}});
  store_.add_manifest(hex('a'), {"localhost/demo:one"}, "{}");
  store_.image(0)["layer"] = hex('1');
  store_.save();
  const test::TemporaryDirectory run;
  const fs::path in_run = run.path() / store_.layers().filename() / "volatile-layers.json";
  const fs::path in_store = store_.layers() / "volatile-layers.json";
  fs::create_directories(in_run.parent_path());
  HandMade::write_records(store_.layers() / "layers.json", json::array({store_.layer(2)}));
  HandMade::write_records(in_store, json::array({store_.layer(0)}));
  HandMade::write_records(in_run, json::array({store_.layer(1)}));
  StoreLocation location = store_.location();
  location.run_root = run.path();
  const auto source = ContainersStorage(location).open("localhost/demo", {});
  for (const std::string& tar : {top, middle, base}) {
    EXPECT_EQ(fetch(*source, digest_of(tar)), tar);
  }
  // The chain of the image leads through both.
  for (const fs::path& records : {in_run, in_store}) {
    HandMade::write_records(records, json::array());
    static_cast<void>(source->list_tags({}, {}));
    EXPECT_FALSE(source->find(Endpoint::blobs, digest_of(base), {})) << records;
    HandMade::write_records(records, json::array({store_.layer(records == in_run ? 1U : 0U)}));
    static_cast<void>(source->list_tags({}, {}));
    EXPECT_TRUE(source->find(Endpoint::blobs, digest_of(base), {})) << records;
  }
}

TEST_P(ContainersStorageTest, EndsAChainOfLayersThatNeverEnds) {
  store_.add_layer(hex('1'), hex('2'), {});
  const std::string tar = store_.add_layer(hex('2'), hex('1'), {{"a", "a"}});
  store_.add_manifest(hex('a'), {"localhost/demo:one"}, "{}");
  store_.image(0)["layer"] = hex('1');
  EXPECT_EQ(fetch(*open("localhost/demo"), digest_of(tar)), tar);
}

TEST_P(ContainersStorageTest, IgnoresALayerThatIsNotComplete) {
  const std::string tar = store_.add_layer(hex('1'), "", {{"a", "a"}});
  store_.layer(0)["flags"]["incomplete"] = true;
  store_.add_manifest(hex('a'), {"localhost/demo:one"}, "{}");
  store_.image(0)["layer"] = hex('1');
  EXPECT_FALSE(open("localhost/demo")->find(Endpoint::blobs, digest_of(tar), {}));
}

TEST_P(ContainersStorageTest, LeavesOutRecordsThatCannotBeUsed) {
  store_.add_manifest(hex('a'), {"localhost/demo:one", "../..", "localhost/demo:two"}, "{}");
  store_.add_image("../../etc", {"localhost/evil:t"});
  store_.add_image(hex('b'), {"localhost/evil:t"})["layer"] = "../../x";
  const auto page = place().list({}, {});
  EXPECT_EQ(page.names, List{"localhost/demo"});
  List left_out;
  for (const LeftOut& name : page.left_out) left_out.push_back(name.name);
  EXPECT_EQ(left_out, (List{"../..", "../../etc", hex('b')}));
}

TEST_P(ContainersStorageTest, SeesWhatPodmanChangesMeanwhile) {
  store_.add_manifest(hex('a'), {"localhost/demo:one"}, "{}");
  const auto source = open("localhost/demo");
  EXPECT_EQ(source->list_tags({}, {}).tags, List{"one"});
  const Digest two = store_.add_manifest(hex('b'), {"localhost/demo:two"}, "{ }");
  store_.save();
  EXPECT_EQ(source->list_tags({}, {}).tags, (List{"one", "two"}));
  EXPECT_EQ(source->resolve("two", {})->digest, two);
  HandMade::write_records(store_.images() / "images.json", json::array());
  EXPECT_EQ(failure_of([&] { static_cast<void>(source->list_tags({}, {})); }).first,
            Errc::not_found);
}

// Such as after a backup was put back.
TEST_P(ContainersStorageTest, SeesRecordsThatChangeWithinTheirOldTimeAndSize) {
  store_.add_manifest(hex('a'), {"localhost/demo:one"}, "{}");
  const auto source = open("localhost/demo");
  EXPECT_EQ(source->list_tags({}, {}).tags, List{"one"});
  const fs::path records = store_.images() / "images.json";
  const auto time = fs::last_write_time(records);
  std::string text =
      read_rest(UniqueFd(::open(records.c_str(), O_RDONLY | O_CLOEXEC)).get(), 10'000);
  text.replace(text.find("demo:one"), 8, "demo:two");
  test::write_file_at(records, text);
  fs::last_write_time(records, time);
  EXPECT_EQ(source->list_tags({}, {}).tags, List{"two"});
}

TEST_P(ContainersStorageTest, FailsWhileTheRecordsAreNone_S3) {
  store_.add_manifest(hex('a'), {"localhost/demo:one"}, "{}");
  const auto source = open("localhost/demo");
  for (const char* text : {"", "[", "{}", "7"}) {
    test::write_file_at(store_.images() / "images.json", text);
    const auto failure = failure_of([&] { static_cast<void>(source->list_tags({}, {})); });
    EXPECT_EQ(failure.first, Errc::corrupt) << text;
    EXPECT_NE(failure.second.find("images.json"), std::string::npos) << failure.second;
  }
  store_.save();
  EXPECT_EQ(source->list_tags({}, {}).tags, List{"one"}) << "it is read again";
}

// A disk that is unmounted for a while must not make the images look removed (promise 7).
TEST_P(ContainersStorageTest, ThatIsGoneIsUnavailableAndNotEmpty) {
  store_.add_manifest(hex('a'), {"localhost/demo:one"}, "{}");
  const auto source = open("localhost/demo");
  fs::rename(store_.images(), store_.root() / "away");
  EXPECT_EQ(failure_of([&] { static_cast<void>(source->list_tags({}, {})); }).first,
            Errc::unavailable);
  EXPECT_EQ(failure_of([&] { static_cast<void>(source->resolve("one", {})); }).first,
            Errc::unavailable);
  fs::rename(store_.root() / "away", store_.images());
  EXPECT_EQ(source->list_tags({}, {}).tags, List{"one"});
}

TEST_P(ContainersStorageTest, ThatLacksAManifestIsDamagedAndHasTheTag) {
  store_.add_manifest(hex('a'), {"localhost/demo:one"}, "{}");
  const auto source = open("localhost/demo");
  for (const auto& file : fs::directory_iterator(store_.images() / hex('a'))) {
    fs::remove(file.path());
  }
  EXPECT_EQ(failure_of([&] { static_cast<void>(source->resolve("one", {})); }).first,
            Errc::corrupt);
}

TEST_P(ContainersStorageTest, SearchesAdditionalStores) {
  HandMade more(GetParam());
  const std::string tar = more.add_layer(hex('1'), "", {{"a", "shared"}});
  const Digest first = store_.add_manifest(hex('a'), {"localhost/demo:one"}, "{}");
  const Digest second = more.add_manifest(hex('b'), {"localhost/demo:one", "localhost/x:y"}, "{ }");
  more.image(0)["layer"] = hex('1');
  more.save();
  store_.save();
  StoreLocation location = store_.location();
  location.additional_stores = {more.root(), "/nonexistent"};
  ContainersStorage storage(location);
  EXPECT_EQ(storage.list({}, {}).names, (List{"localhost/demo", "localhost/x"}));
  const auto source = storage.open("localhost/demo", {});
  EXPECT_EQ(source->resolve("one", {})->digest, first);
  const auto page = source->list_tags({}, {});
  EXPECT_EQ(page.tags, List{"one"});
  EXPECT_EQ(digests(page), Names{second.str()});
  EXPECT_EQ(page.left_out.size(), 1U);
  EXPECT_EQ(fetch(*source, digest_of(tar)), tar);
}

/// Another process that has locked a file for writing, as Go's processes do.
class Writer {
 public:
  explicit Writer(const fs::path& path) {
    std::array<int, 2> ready{};
    std::array<int, 2> end{};
    if (::pipe(ready.data()) != 0 || ::pipe(end.data()) != 0) throw_system_error("pipe");
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(end[1]);
      const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
      struct flock lock {};
      lock.l_type = F_WRLCK;
      lock.l_whence = SEEK_SET;
      char byte = ::fcntl(fd, F_SETLKW, &lock) == 0 ? 'y' : 'n';
      if (::write(ready[1], &byte, 1) != 1) ::_exit(1);
      // Until the other end is closed.
      static_cast<void>(::read(end[0], &byte, 1) == 0);
      ::_exit(0);
    }
    ::close(ready[1]);
    ::close(end[0]);
    end_ = UniqueFd(end[1]);
    char byte = 0;
    const UniqueFd in(ready[0]);
    if (::read(in.get(), &byte, 1) != 1 || byte != 'y') throw std::logic_error("no lock");
  }
  ~Writer() { finish(); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void finish() {
    if (pid_ < 0) return;
    end_ = UniqueFd();
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_ = -1;
  UniqueFd end_;
};

TEST_P(ContainersStorageTest, WaitsForALockAsLongAsItMay_S3) {
  store_.add_manifest(hex('a'), {"localhost/demo:one"}, "{}");
  auto storage = place();
  for (const auto& lock : {store_.images() / "images.lock", store_.layers() / "layers.lock"}) {
    store_.save();
    Writer writer(lock);
    const Request request{.deadline = Clock::now() + std::chrono::milliseconds(50)};
    const auto failure = failure_of([&] { static_cast<void>(storage.list({}, request)); });
    EXPECT_EQ(failure.first, Errc::timed_out);
    EXPECT_NE(failure.second.find("locked"), std::string::npos) << failure.second;
    std::stop_source stop;
    stop.request_stop();
    EXPECT_EQ(
        failure_of([&] { static_cast<void>(storage.list({}, {.stop = stop.get_token()})); }).first,
        Errc::interrupted);
    writer.finish();
    EXPECT_EQ(storage.list({}, {}).names, List{"localhost/demo"});
    // What has not changed is not read again, so nothing waits.
    const Writer again(lock);
    EXPECT_EQ(storage.list({}, request).names, List{"localhost/demo"});
  }
}

// podman holds its lock for as long as it stores a layer, and nothing of the mount could be opened.
TEST_P(ContainersStorageTest, GivesWhatItKnowsWhileItIsLocked_S3) {
  const std::string tar = store_.add_layer(hex('1'), "", {{"a", "text"}});
  const Digest manifest = store_.add_manifest(hex('a'), {"localhost/demo:one"}, "{}");
  store_.image(0)["layer"] = hex('1');
  store_.save();
  auto storage = place();
  const auto source = storage.open("localhost/demo", {});
  store_.add_manifest(hex('b'), {"localhost/demo:two"}, "{ }");
  for (const auto& lock : {store_.images() / "images.lock", store_.layers() / "layers.lock"}) {
    store_.save();
    const Writer writer(lock);
    EXPECT_TRUE(source->find(Endpoint::manifests, manifest, {}));
    EXPECT_EQ(fetch(*source, manifest), "{}");
    EXPECT_EQ(fetch(*source, digest_of(tar)), tar);
    // What is not known may be there.
    const Request request{.deadline = Clock::now() + std::chrono::milliseconds(50)};
    const Digest other = digest_of("{ }");
    EXPECT_EQ(failure_of([&] {
                static_cast<void>(source->find(Endpoint::manifests, other, request));
              }).first,
              Errc::timed_out);
    EXPECT_EQ(failure_of([&] { static_cast<void>(source->resolve("two", request)); }).first,
              Errc::timed_out);
  }
  EXPECT_TRUE(source->find(Endpoint::manifests, digest_of("{ }"), {}));
}

INSTANTIATE_TEST_SUITE_P(Drivers, ContainersStorageTest, testing::Values("overlay", "vfs"));

TEST(ContainersStorage, FindsTheDriverOfAStore) {
  HandMade store("vfs");
  store.save();
  EXPECT_EQ(ContainersStorage({"", store.root(), {}, {}}).name(),
            "containers-storage:[vfs@" + store.root().native() + "]");
}

TEST(ContainersStorage, IsNoOtherDirectory) {
  const test::TemporaryDirectory other;
  const auto refusal = [&](const std::string& driver, const fs::path& path) {
    return failure_of([&] { ContainersStorage({driver, path, {}, {}}); }).first;
  };
  EXPECT_EQ(refusal("", other.path()), Errc::not_found);
  EXPECT_EQ(refusal("overlay", other.path()), Errc::not_found);
  EXPECT_EQ(refusal("vfs", other.path() / "none"), Errc::not_found);
  EXPECT_EQ(refusal("btrfs", other.path()), Errc::unsupported);
}

/// Keeps all objects as documents of one image, as a store keeps configs.
class ContainersStorageFixture final : public SourceFixture {
 public:
  std::shared_ptr<Source> make(const test::ObjectSet& set) override {
    const std::string name = "localhost/conformance@sha256:" + hex('0');
    json& all = store_.add_image(hex('f'), {name});
    store_.add_document(all, "manifest", "{}");
    for (const auto& [digest, object] : set.objects()) {
      const bool is_blob = object.endpoint == Endpoint::blobs;
      store_.add_document(all, is_blob ? digest.str() : "manifest-" + digest.str(), object.bytes);
    }
    std::map<Digest, List> tags;
    for (const auto& [tag, descriptor] : set.tags()) {
      tags[descriptor.digest].push_back("localhost/conformance:" + tag);
    }
    for (const auto& [digest, names] : tags) {
      store_.add_manifest(std::string(digest.encoded()), names, set.objects().at(digest).bytes);
    }
    store_.save();
    return ContainersStorage(store_.location()).open("localhost/conformance", {});
  }

 private:
  HandMade store_;
};

std::unique_ptr<SourceFixture> make_containers_storage_fixture() {
  return std::make_unique<ContainersStorageFixture>();
}

INSTANTIATE_TEST_SUITE_P(ContainersStorage, SourceConformance,
                         testing::Values(&make_containers_storage_fixture));

}  // namespace
}  // namespace digestfs::registry
