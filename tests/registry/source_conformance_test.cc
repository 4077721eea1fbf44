// SPDX-License-Identifier: Apache-2.0
#include "tests/registry/source_conformance.h"

#include <future>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "registry/local/dir_layout.h"
#include "registry/local/docker_archive.h"
#include "registry/local/oci_archive.h"
#include "registry/local/oci_layout.h"
#include "tests/registry/local/local_fixture.h"
#include "tests/support/memory_source.h"
#include "tests/support/mounted.h"

namespace digestfs::registry {
namespace {

using test::ObjectSet;

/// Keeps what comes.
class Collector final : public ObjectSink {
 public:
  void begin(const Beginning& beginning) override {
    EXPECT_FALSE(beginning_) << "begun twice";
    EXPECT_TRUE(bytes_.empty()) << "bytes before the beginning";
    beginning_ = beginning;
  }
  void write(std::span<const std::byte> bytes) override { bytes_ += as_text(bytes); }

  [[nodiscard]] const std::optional<Beginning>& beginning() const { return beginning_; }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  std::optional<Beginning> beginning_;
  std::string bytes_;
};

/// What `call` fails with; nothing where it returns.
template <class Call>
std::optional<Errc> failure_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.code();
  }
  return std::nullopt;
}

std::string fetch_all(Source& source, Endpoint endpoint, const Digest& digest) {
  Collector collector;
  source.fetch(endpoint, digest, {}, collector, {});
  EXPECT_TRUE(collector.beginning());
  return collector.bytes();
}

std::set<std::string> all_tags(Source& source) {
  std::set<std::string> tags;
  std::optional<std::string> page;
  do {
    TagPage answer = source.list_tags(page, {});
    tags.insert(answer.tags.begin(), answer.tags.end());
    page = answer.next;
  } while (page);
  return tags;
}

const Digest kUnknown = Digest::parse("sha256:" + std::string(64, '0')).value();

TEST_P(SourceConformance, HasAName) {
  const auto source = fixture_->make({});
  EXPECT_FALSE(source->name().empty());
}

TEST_P(SourceConformance, ListsEveryTagOverAllPages) {
  if (!fixture_->has_tags()) GTEST_SKIP() << "the source has no tags";
  ObjectSet set;
  const auto image = test::add_image(set, {test::gzip_layer({{"file"}})});
  std::set<std::string> tags = {"latest", "v1.0", "_x", "UPPER-case.1", std::string(128, 'a')};
  for (int i = 0; i < 250; ++i) tags.insert("tag-" + std::to_string(i));
  for (const auto& tag : tags) set.tag(tag, image.manifest);
  const auto source = fixture_->make(set);
  EXPECT_EQ(all_tags(*source), tags);
  EXPECT_EQ(all_tags(*source), tags) << "the second time";
}

TEST_P(SourceConformance, ResolvesATagToWhatItNames) {
  if (!fixture_->has_tags()) GTEST_SKIP() << "the source has no tags";
  ObjectSet set;
  const auto one = test::add_image(set, {test::gzip_layer({{"one"}})});
  const auto two = test::add_image(set, {test::gzip_layer({{"two"}})}, "arm64");
  const auto index = test::add_index(set, {one, two});
  set.tag("one", one.manifest);
  set.tag("both", index);
  const auto source = fixture_->make(set);
  const auto resolved = source->resolve("one", {});
  ASSERT_TRUE(resolved);
  EXPECT_EQ(resolved->digest, one.manifest.digest);
  EXPECT_EQ(resolved->media_type, "application/vnd.oci.image.manifest.v1+json");
  const auto both = source->resolve("both", {});
  ASSERT_TRUE(both);
  EXPECT_EQ(both->digest, index.digest);
  EXPECT_EQ(both->media_type, "application/vnd.oci.image.index.v1+json");
}

TEST_P(SourceConformance, ResolvesAnUnknownTagToNothing) {
  ObjectSet set;
  set.tag("known", test::add_image(set, {}).manifest);
  const auto source = fixture_->make(set);
  EXPECT_FALSE(source->resolve("unknown", {}));
}

TEST_P(SourceConformance, FindsWhatThereIs) {
  ObjectSet set;
  const auto image = test::add_image(set, {test::gzip_layer({{"file"}})});
  const auto source = fixture_->make(set);
  const auto blob = source->find(Endpoint::blobs, image.layers[0].digest, {});
  ASSERT_TRUE(blob);
  // A source need not know the size; if it says one it is right.
  EXPECT_EQ(blob->size.value_or(*image.layers[0].size), image.layers[0].size);
  const auto manifest = source->find(Endpoint::manifests, image.manifest.digest, {});
  ASSERT_TRUE(manifest);
  EXPECT_EQ(manifest->size.value_or(*image.manifest.size), image.manifest.size);
}

TEST_P(SourceConformance, FindsNothingWhereThereIsNothing) {
  ObjectSet set;
  set.add(Endpoint::blobs, "something");
  const auto source = fixture_->make(set);
  EXPECT_FALSE(source->find(Endpoint::blobs, kUnknown, {}));
  EXPECT_FALSE(source->find(Endpoint::manifests, kUnknown, {}));
}

TEST_P(SourceConformance, FetchesWholeObjects) {
  ObjectSet set;
  std::vector<std::string> blobs = {"x", std::string(5000, '\0'), test::noise(3U << 20U)};
  for (const auto& bytes : blobs) set.add(Endpoint::blobs, bytes);
  const auto image = test::add_image(set, {test::gzip_layer({{"file"}})});
  const auto source = fixture_->make(set);
  for (const auto& bytes : blobs) {
    EXPECT_EQ(fetch_all(*source, Endpoint::blobs, digest_of(bytes)), bytes) << bytes.size();
  }
  EXPECT_EQ(fetch_all(*source, Endpoint::manifests, image.manifest.digest),
            set.objects().at(image.manifest.digest).bytes);
}

TEST_P(SourceConformance, FetchesAnObjectOfNoBytes) {
  ObjectSet set;
  const auto empty = set.add(Endpoint::blobs, "");
  const auto source = fixture_->make(set);
  EXPECT_EQ(fetch_all(*source, Endpoint::blobs, empty.digest), "");
}

TEST_P(SourceConformance, SaysWhereItBeginsAndHowMuchThereIs) {
  ObjectSet set;
  const std::string bytes = test::noise(200000);
  const auto object = set.add(Endpoint::blobs, bytes);
  const auto source = fixture_->make(set);
  for (const std::uint64_t offset : {0U, 1U, 65536U, 100000U, 199999U, 200000U}) {
    Collector collector;
    source->fetch(Endpoint::blobs, object.digest, {.offset = offset}, collector, {});
    ASSERT_TRUE(collector.beginning()) << offset;
    const std::uint64_t begun = collector.beginning()->offset;
    const auto total = collector.beginning()->total;
    EXPECT_TRUE(begun == offset || begun == 0) << begun << " instead of " << offset;
    EXPECT_EQ(total.value_or(bytes.size()), bytes.size()) << offset;
    EXPECT_EQ(collector.bytes(), bytes.substr(begun)) << offset;
  }
}

TEST_P(SourceConformance, SendsTheRangeThatWasAskedFor) {
  ObjectSet set;
  const std::string bytes = test::noise(200000);
  const auto object = set.add(Endpoint::blobs, bytes);
  const auto source = fixture_->make(set);
  const std::vector<Range> ranges = {
      {.offset = 0, .end = 1},           {.offset = 0, .end = 200000},
      {.offset = 65536, .end = 131072},  {.offset = 199999, .end = 200000},
      {.offset = 100000, .end = 300000},
  };
  for (const Range& range : ranges) {
    SCOPED_TRACE(testing::Message() << range.offset << " to " << *range.end);
    Collector collector;
    source->fetch(Endpoint::blobs, object.digest, range, collector, {});
    ASSERT_TRUE(collector.beginning());
    // A source may send the whole object instead, and says so by the offset.
    if (collector.bytes() == bytes) {
      EXPECT_EQ(collector.beginning()->offset, 0U);
      continue;
    }
    EXPECT_EQ(collector.beginning()->offset, range.offset);
    EXPECT_EQ(collector.beginning()->total.value_or(bytes.size()), bytes.size());
    EXPECT_EQ(collector.bytes(), bytes.substr(range.offset, *range.end - range.offset));
  }
}

TEST_P(SourceConformance, BeginsAnewWhereTheOffsetIsBeyondTheEnd) {
  ObjectSet set;
  const auto object = set.add(Endpoint::blobs, "short");
  const auto source = fixture_->make(set);
  for (const std::uint64_t offset : {6U, 5000000U}) {
    Collector collector;
    source->fetch(Endpoint::blobs, object.digest, {.offset = offset}, collector, {});
    ASSERT_TRUE(collector.beginning()) << offset;
    EXPECT_EQ(collector.beginning()->offset, 0U) << offset;
    EXPECT_EQ(collector.bytes(), "short") << offset;
  }
}

TEST_P(SourceConformance, FailsAsNotFoundToFetchWhatThereIsNot) {
  ObjectSet set;
  set.add(Endpoint::blobs, "something");
  const auto source = fixture_->make(set);
  for (const Endpoint endpoint : {Endpoint::blobs, Endpoint::manifests}) {
    Collector collector;
    EXPECT_EQ(failure_of([&] { source->fetch(endpoint, kUnknown, {}, collector, {}); }),
              Errc::not_found);
    EXPECT_EQ(collector.bytes(), "") << "an error's text is no object";
  }
}

TEST_P(SourceConformance, PassesOnWhatTheSinkThrows) {
  struct Refusal : std::exception {};
  struct Refuser final : ObjectSink {
    explicit Refuser(bool refuse) : at_once(refuse) {}
    void begin(const Beginning& /*beginning*/) override {
      if (at_once) throw Refusal();
    }
    void write(std::span<const std::byte> /*bytes*/) override {
      EXPECT_FALSE(refused) << "written to after it threw";
      refused = true;
      throw Refusal();
    }
    bool at_once;
    bool refused = false;
  };
  ObjectSet set;
  const auto object = set.add(Endpoint::blobs, test::noise(2U << 20U));
  const auto source = fixture_->make(set);
  for (const bool at_once : {true, false}) {
    Refuser sink(at_once);
    EXPECT_THROW(source->fetch(Endpoint::blobs, object.digest, {}, sink, {}), Refusal);
  }
  EXPECT_EQ(fetch_all(*source, Endpoint::blobs, object.digest).size(), *object.size)
      << "the source is as good as before";
}

TEST_P(SourceConformance, StopsInTheMiddleOfAnObject) {
  struct Stopper final : ObjectSink {
    void begin(const Beginning& /*beginning*/) override {}
    void write(std::span<const std::byte> bytes) override {
      taken += bytes.size();
      stop.request_stop();
    }
    std::stop_source stop;
    std::uint64_t taken = 0;
  };
  ObjectSet set;
  const auto object = set.add(Endpoint::blobs, test::noise(32U << 20U));
  const auto source = fixture_->make(set);
  Stopper sink;
  EXPECT_EQ(failure_of([&] {
              source->fetch(Endpoint::blobs, object.digest, {}, sink,
                            {.stop = sink.stop.get_token()});
            }),
            Errc::interrupted);
  EXPECT_LT(sink.taken, *object.size);
}

TEST_P(StallingSourceConformance, StopsWhileItWaitsForAnAnswer) {
  ObjectSet set;
  const auto object = set.add(Endpoint::blobs, "something");
  set.tag("tag", test::add_image(set, {}).manifest);
  const auto source = fixture_->make(set);
  fixture_->stall();
  using Call = void (*)(Source&, const Digest&, std::stop_token);
  const std::vector<std::pair<const char*, Call>> calls = {
      {"list_tags",
       [](Source& s, const Digest&, std::stop_token stop) {
         static_cast<void>(s.list_tags(std::nullopt, {.stop = std::move(stop)}));
       }},
      {"resolve",
       [](Source& s, const Digest&, std::stop_token stop) {
         static_cast<void>(s.resolve("tag", {.stop = std::move(stop)}));
       }},
      {"find",
       [](Source& s, const Digest& digest, std::stop_token stop) {
         static_cast<void>(s.find(Endpoint::blobs, digest, {.stop = std::move(stop)}));
       }},
      {"fetch",
       [](Source& s, const Digest& digest, std::stop_token stop) {
         Collector collector;
         s.fetch(Endpoint::blobs, digest, {}, collector, {.stop = std::move(stop)});
       }},
  };
  for (const auto& [name, call] : calls) {
    SCOPED_TRACE(name);
    std::stop_source stop;
    auto failure = std::async(std::launch::async, [&, call = call] {
      return failure_of([&] { call(*source, object.digest, stop.get_token()); });
    });
    fixture_->await_stalled();
    stop.request_stop();
    EXPECT_EQ(failure.get(), Errc::interrupted);
  }
}

TEST_P(SourceConformance, ServesManyThreadsAtOnce) {
  ObjectSet set;
  std::vector<std::string> blobs;
  for (std::size_t i = 0; i < 8; ++i) {
    blobs.push_back(test::noise(100000 + i, i));
    set.add(Endpoint::blobs, blobs.back());
  }
  const auto image = test::add_image(set, {test::gzip_layer({{"file"}})});
  set.tag("a", image.manifest);
  set.tag("b", image.manifest);
  const auto source = fixture_->make(set);
  const std::set<std::string> tags =
      fixture_->has_tags() ? std::set<std::string>{"a", "b"} : std::set<std::string>();
  std::vector<std::jthread> threads;
  for (std::size_t thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&, thread] {
      for (std::size_t i = 0; i < 8; ++i) {
        const std::string& bytes = blobs[(thread + i) % blobs.size()];
        EXPECT_EQ(fetch_all(*source, Endpoint::blobs, digest_of(bytes)), bytes);
        const auto resolved = source->resolve("b", {});
        EXPECT_EQ(resolved.has_value(), fixture_->has_tags());
        EXPECT_TRUE(!resolved || resolved->digest == image.manifest.digest);
        EXPECT_TRUE(source->find(Endpoint::blobs, digest_of(bytes), {}));
        EXPECT_EQ(all_tags(*source), tags);
      }
    });
  }
}

class MemoryFixture final : public SourceFixture {
 public:
  std::shared_ptr<Source> make(const ObjectSet& set) override {
    auto source = std::make_unique<test::MemorySource>();
    set.put_into(*source);
    source->set_page_size(100);
    source_ = source.get();
    return source;
  }
  void stall() override { source_->stall_all(); }
  void await_stalled() override { source_->await_stalled(1); }

 private:
  test::MemorySource* source_ = nullptr;
};

class OciLayoutFixture final : public SourceFixture {
 public:
  std::shared_ptr<Source> make(const ObjectSet& set) override {
    set.write_layout(directory_.path());
    return std::make_unique<OciLayout>(directory_.path());
  }

 private:
  test::TemporaryDirectory directory_;
};

class OciArchiveFixture final : public SourceFixture {
 public:
  std::shared_ptr<Source> make(const ObjectSet& set) override {
    const auto file = directory_.path() / "archive.tar";
    test::write_file(file, test::tar(test::layout_members(set)));
    return std::make_unique<OciArchive>(file);
  }

 private:
  test::TemporaryDirectory directory_;
};

class DirLayoutFixture final : public SourceFixture {
 public:
  std::shared_ptr<Source> make(const ObjectSet& set) override {
    for (const auto& [digest, object] : set.objects()) {
      const std::string name(digest.encoded());
      const bool is_blob = object.endpoint == Endpoint::blobs;
      test::write_file(directory_.path() / (is_blob ? name : name + ".manifest.json"),
                       object.bytes);
    }
    test::write_file(directory_.path() / "manifest.json", test::index_json({}));
    return std::make_unique<DirLayout>(directory_.path());
  }
  [[nodiscard]] bool has_tags() const override { return false; }

 private:
  test::TemporaryDirectory directory_;
};

/// What Docker 25 writes: an OCI layout besides.
class DockerArchiveFixture final : public SourceFixture {
 public:
  std::shared_ptr<Source> make(const ObjectSet& set) override {
    std::vector<Descriptor> named;
    for (const auto& [tag, descriptor] : set.tags()) {
      named.push_back(descriptor);
      named.back().annotations["io.containerd.image.name"] = "docker.io/test/image:" + tag;
    }
    auto files = set.layout_files();
    files["index.json"] = test::index_json(named);
    files["manifest.json"] = "[]";
    std::vector<test::TarEntry> members;
    for (const auto& [name, text] : files) members.push_back({.name = name, .content = text});
    const auto file = directory_.path() / "archive.tar";
    test::write_file(file, test::tar(members));
    DockerArchive archive(file);
    auto source = archive.open("docker.io/test/image", {});
    return std::make_unique<Shared>(source ? source : archive.everything());
  }

 private:
  /// A source that somebody else owns too.
  class Shared final : public Source {
   public:
    explicit Shared(std::shared_ptr<Source> source) : source_(std::move(source)) {}

    [[nodiscard]] const std::string& name() const override { return source_->name(); }
    [[nodiscard]] TagPage list_tags(const std::optional<std::string>& page,
                                    const Request& request) override {
      return source_->list_tags(page, request);
    }
    [[nodiscard]] std::optional<Descriptor> resolve(const std::string& tag,
                                                    const Request& request) override {
      return source_->resolve(tag, request);
    }
    [[nodiscard]] std::optional<std::vector<Descriptor>> list_referrers(
        const Digest& subject, const Request& request) override {
      return source_->list_referrers(subject, request);
    }
    [[nodiscard]] std::optional<ObjectInfo> find(Endpoint endpoint, const Digest& digest,
                                                 const Request& request) override {
      return source_->find(endpoint, digest, request);
    }
    void fetch(Endpoint endpoint, const Digest& digest, const Range& range, ObjectSink& sink,
               const Request& request) override {
      source_->fetch(endpoint, digest, range, sink, request);
    }

   private:
    std::shared_ptr<Source> source_;
  };

  test::TemporaryDirectory directory_;
};

template <class Fixture>
std::unique_ptr<SourceFixture> make_fixture() {
  return std::make_unique<Fixture>();
}

std::unique_ptr<SourceFixture> make_memory_fixture() { return std::make_unique<MemoryFixture>(); }
std::unique_ptr<SourceFixture> make_layout_fixture() {
  return std::make_unique<OciLayoutFixture>();
}

INSTANTIATE_TEST_SUITE_P(MemorySource, SourceConformance, testing::Values(&make_memory_fixture));
INSTANTIATE_TEST_SUITE_P(MemorySource, StallingSourceConformance,
                         testing::Values(&make_memory_fixture));
INSTANTIATE_TEST_SUITE_P(OciLayout, SourceConformance, testing::Values(&make_layout_fixture));
INSTANTIATE_TEST_SUITE_P(OciArchive, SourceConformance,
                         testing::Values(&make_fixture<OciArchiveFixture>));
INSTANTIATE_TEST_SUITE_P(DirLayout, SourceConformance,
                         testing::Values(&make_fixture<DirLayoutFixture>));
INSTANTIATE_TEST_SUITE_P(DockerArchive, SourceConformance,
                         testing::Values(&make_fixture<DockerArchiveFixture>));

}  // namespace
}  // namespace digestfs::registry
