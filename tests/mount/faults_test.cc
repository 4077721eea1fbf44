// SPDX-License-Identifier: Apache-2.0
// A real mount of a registry that lies: the reader gets EIO and not one wrong byte, and nothing
// wrong is left in the cache (promises 1, 3, 6).
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>
#include <system_error>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "tests/support/fake_registry.h"
#include "tests/support/image_builder.h"
#include "tests/support/mounted.h"

namespace digestfs {
namespace {

using test::FakeRegistry;
using test::Mounted;
using Response = FakeRegistry::Response;

/// The errno that reading the whole of `path` fails with; 0 where it goes well.
int read_error(const std::filesystem::path& path) {
  try {
    static_cast<void>(test::slurp(path));
  } catch (const std::system_error& error) {
    return error.code().value();
  }
  return 0;
}

std::set<std::string> names_in(const std::filesystem::path& directory) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    names.insert(entry.path().filename());
  }
  return names;
}

class FaultsTest : public testing::Test {
 protected:
  FaultsTest() {
    set.tag("t", image.manifest);
    fake.add(set);
  }

  void mount(const std::vector<std::string>& options = {}) {
    mounted.emplace(DIGESTFS_BINARY, fake.source(), options);
  }

  [[nodiscard]] std::filesystem::path blob(std::size_t layer) const {
    return mounted->path() / "blobs" / image.layers[layer].digest.str();
  }
  [[nodiscard]] std::filesystem::path diff(std::size_t layer) const {
    return mounted->path() / "diffs" / image.diff_ids[layer].str();
  }

  void serve_instead(const registry::Descriptor& object, Response response) {
    fake.on(fake.path("/blobs/" + object.digest.str()), std::move(response));
  }

  /// What of a blob was asked for, in order; empty for all of it.
  [[nodiscard]] std::vector<std::string> ranges_of(const registry::Descriptor& object) const {
    std::vector<std::string> ranges;
    for (const auto& request : fake.requests()) {
      if (request.method == "GET" && request.path() == fake.path("/blobs/" + object.digest.str())) {
        ranges.push_back(request.field("Range"));
      }
    }
    return ranges;
  }

  /// Invariants I1 and I3 of the reference, section 11.
  void expect_nothing_wrong_is_kept() {
    EXPECT_EQ(test::wrong_files(mounted->cache()), std::vector<std::string>());
    EXPECT_EQ(test::slurp(blob(1)), good);
  }

  /// The problem records of that kind.
  [[nodiscard]] std::vector<nlohmann::json> problems(const std::string& kind) const {
    std::istringstream lines(test::slurp(mounted->path() / ".digestfs" / "problems.jsonl"));
    std::vector<nlohmann::json> found;
    for (std::string line; std::getline(lines, line);) {
      auto record = nlohmann::json::parse(line);
      if (record.at("kind") == kind) found.push_back(std::move(record));
    }
    return found;
  }

  test::ObjectSet set;
  test::Image image = test::add_image(set, {test::gzip_layer({{"bad", test::noise(200'000)}}),
                                            test::gzip_layer({{"good", test::noise(100'000, 2)}})});
  std::string bad = set.objects().at(image.layers[0].digest).bytes;
  std::string good = set.objects().at(image.layers[1].digest).bytes;
  std::optional<Mounted> mounted;
  FakeRegistry fake;  // the last, and so the first to end: its handlers use all the others
};

TEST_F(FaultsTest, B3BytesThatAreNotWhatTheDigestPromises) {
  std::string flipped = bad;
  flipped[1000] = static_cast<char>(flipped[1000] ^ 1);
  std::string other = bad;
  other.assign(bad.size(), 'x');
  const Response bodies[] = {
      {.body = flipped},
      {.body = other},
      {.body = bad + "x"},  // too long
      {.body = bad + "x", .unframed = true},
      {.body = bad.substr(0, bad.size() - 1)},  // too short, in order
      {.body = bad.substr(0, bad.size() - 1), .unframed = true},
      {.body = ""},
  };
  int number = 0;
  for (const Response& body : bodies) {
    SCOPED_TRACE(number++);
    fake.clear_handlers();
    serve_instead(image.layers[0], body);
    mount();
    EXPECT_EQ(read_error(mounted->path() / "tags/t/layers/00/blob"), EIO);
    EXPECT_EQ(read_error(blob(0)), EIO);
    EXPECT_EQ(read_error(mounted->path() / "tags/t/layers/00/diff"), EIO);
    expect_nothing_wrong_is_kept();
    const auto records = problems("digest-mismatch");
    ASSERT_EQ(records.size(), 1U) << "the same problem is written once";
    EXPECT_EQ(records[0].at("object"), image.layers[0].digest.str());
    EXPECT_EQ(records[0].at("promised").at("digest"), image.layers[0].digest.str());
    EXPECT_EQ(records[0].at("actual").at("digest"), digest_of(body.body).str());
    EXPECT_EQ(records[0].at("actual").at("size"), body.body.size());
    EXPECT_EQ(records[0].at("source"), "docker://" + fake.source());
    // Promise 3: what came instead, under the name that is true.
    const auto quarantine = mounted->path() / ".digestfs/quarantine";
    EXPECT_EQ(names_in(quarantine), std::set<std::string>{digest_of(body.body).str()});
    EXPECT_EQ(test::slurp(quarantine / digest_of(body.body).str()), body.body);
  }
}

TEST_F(FaultsTest, B1ABodyThatIsCutForGood) {
  serve_instead(image.layers[0], {.body = bad, .cut = 1000});
  mount();
  EXPECT_EQ(read_error(blob(0)), ETIMEDOUT);
  expect_nothing_wrong_is_kept();
  EXPECT_TRUE(problems("digest-mismatch").empty()) << "an interruption is no mismatch";
  // Once the registry is well again, so is the file: a failure is remembered for 5 s only.
  fake.clear_handlers();
  for (int i = 0; i < 200 && read_error(blob(0)) != 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_EQ(test::slurp(blob(0)), bad);
}

TEST_F(FaultsTest, B1ABodyThatIsCutAndGoesOn) {  // promise 6
  bool cut = false;
  fake.on([&](const FakeRegistry::Request& request) -> std::optional<Response> {
    if (cut || request.method != "GET" ||
        request.path() != fake.path("/blobs/" + image.layers[0].digest.str())) {
      return std::nullopt;
    }
    cut = true;
    return Response{.body = bad, .cut = 150'000};
  });
  mount();
  EXPECT_EQ(test::slurp(blob(0)), bad);
  EXPECT_EQ(fake.requests().back().field("Range"), "bytes=150000-");
  expect_nothing_wrong_is_kept();
}

TEST_F(FaultsTest, B10ADownloadThatIsKilledAndALaterMountFinishes) {  // promise 6, EP-9
  constexpr std::uintmax_t kCut = 100'000;
  const test::TemporaryDirectory kept;
  const std::vector<std::string> options = {"--cache-dir", kept.path().native()};
  const Digest& digest = image.layers[0].digest;
  const auto partial = kept.path() / "partial" / digest.algorithm() / digest.encoded();
  serve_instead(image.layers[0], {.body = bad, .stall_after = kCut});
  mount(options);
  std::jthread reader([path = blob(0)] { EXPECT_NE(read_error(path), 0); });
  const auto has_come = [&] {
    std::error_code none;
    return std::filesystem::file_size(partial, none) == kCut && !none;
  };
  while (!has_come()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  mounted->process().signal(SIGKILL);
  reader.join();
  mounted.reset();
  fake.release();
  fake.clear_handlers();
  fake.forget_requests();
  mount(options);
  EXPECT_EQ(test::slurp(blob(0)), bad);
  EXPECT_EQ(ranges_of(image.layers[0]), std::vector<std::string>{"bytes=100000-"});
  EXPECT_EQ(test::wrong_files(kept.path()), std::vector<std::string>());
}

TEST_F(FaultsTest, B10ADownloadThatGoesOnAfterALogin) {  // promise 6
  const test::TemporaryDirectory kept;
  const std::vector<std::string> options = {"--cache-dir", kept.path().native()};
  const std::string path = fake.path("/blobs/" + image.layers[0].digest.str());
  serve_instead(image.layers[0], {.body = bad, .cut = 100'000});
  fake.on([path](const FakeRegistry::Request& request) -> std::optional<Response> {
    if (request.path() != path || request.field("Range").empty()) return std::nullopt;
    return Response{.status = 403};
  });
  mount(options);
  EXPECT_EQ(read_error(blob(0)), EACCES);
  mounted.reset();
  fake.clear_handlers();
  fake.forget_requests();
  mount(options);
  EXPECT_EQ(test::slurp(blob(0)), bad);
  EXPECT_EQ(ranges_of(image.layers[0]), std::vector<std::string>{"bytes=100000-"});
}

TEST_F(FaultsTest, M2AManifestThatIsAnotherOne) {
  const auto other = test::add_image(set, {});
  fake.on(fake.path("/manifests/" + image.manifest.digest.str()),
          {.fields = {{"Content-Type", image.manifest.media_type},
                      {"Docker-Content-Digest", image.manifest.digest.str()}},
           .body = set.objects().at(other.manifest.digest).bytes});
  mount();
  EXPECT_EQ(read_error(mounted->path() / "tags/t/manifest.json"), EIO);
  const auto by_digest = mounted->path() / "manifests" / image.manifest.digest.str();
  EXPECT_EQ(read_error(by_digest), EIO);
  const auto requests = fake.requests().size();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(read_error(by_digest), EIO);
  EXPECT_EQ(fake.requests().size(), requests) << "for a while it is not asked for again";
  EXPECT_EQ(test::wrong_files(mounted->cache()), std::vector<std::string>());
  EXPECT_EQ(problems("digest-mismatch").size(), 1U);
}

/// An image whose one layer decompresses to something else than its config promises.
struct WrongDiff {
  test::ObjectSet set;
  Digest promised = digest_of("what the config promises");
  std::string tar;

  explicit WrongDiff(std::string bytes) : tar(std::move(bytes)) {
    using registry::Endpoint;
    const auto layer =
        set.add(Endpoint::blobs, test::gzip(tar), "application/vnd.oci.image.layer.v1.tar+gzip");
    const auto config = set.add(Endpoint::blobs, test::config_json({promised}),
                                "application/vnd.oci.image.config.v1+json");
    set.tag("w", set.add(Endpoint::manifests, test::manifest_json(config, {layer}),
                         "application/vnd.oci.image.manifest.v1+json"));
  }
};

TEST_F(FaultsTest, M4AWebPageThatIsNoTag) {  // EP-2
  const std::string page = "<html>log in</html>";
  fake.on([&](const FakeRegistry::Request& request) -> std::optional<Response> {
    if (!request.path().starts_with(fake.path("/manifests/w"))) return std::nullopt;
    return Response{.fields = {{"Content-Type", "text/html"}}, .body = page};
  });
  mount();
  EXPECT_EQ(read_error(mounted->path() / "tags/web/manifest.json"), EIO);
  EXPECT_EQ(test::slurp(mounted->path() / "tags/t/manifest.json"),
            set.objects().at(image.manifest.digest).bytes);
  mounted.reset();
  // Nor does it take the place of what a tag is known to name.
  fake.clear_handlers();
  const test::TemporaryDirectory kept;
  mount({"--cache-dir", kept.path().native(), "--tag-ttl", "0"});
  const auto of_tag = mounted->path() / "tags/t/manifest.json";
  EXPECT_EQ(test::slurp(of_tag), set.objects().at(image.manifest.digest).bytes);
  fake.on(fake.path("/manifests/t"), {.fields = {{"Content-Type", "text/html"}}, .body = page});
  EXPECT_EQ(read_error(of_tag), EIO);
  mounted.reset();
  mount({"--cache-dir", kept.path().native(), "--offline"});
  EXPECT_EQ(test::slurp(mounted->path() / "tags/t/manifest.json"),
            set.objects().at(image.manifest.digest).bytes);
}

TEST_F(FaultsTest, M1ADigestThatIsNotThatOfTheTagsManifest) {  // EP-4
  for (const std::string& claim :
       {digest_of("what nobody has").str(), image.config.digest.str(), std::string("rubbish"),
        std::string(image.manifest.digest.encoded())}) {
    fake.clear_handlers();
    fake.on([&, claim](const FakeRegistry::Request& request) -> std::optional<Response> {
      if (request.path() != fake.path("/manifests/t")) return std::nullopt;
      return Response{
          .fields = {{"Docker-Content-Digest", claim}, {"Content-Type", image.manifest.media_type}},
          .body = set.objects().at(image.manifest.digest).bytes};
    });
    mount();
    EXPECT_EQ(test::slurp(mounted->path() / "tags/t/manifest.json"),
              set.objects().at(image.manifest.digest).bytes)
        << claim;
    EXPECT_EQ(std::filesystem::read_symlink(mounted->path() / "tags/t/manifest.json").filename(),
              image.manifest.digest.str());
    EXPECT_TRUE(mounted->await_log(str_cat("tag=t named=", claim))) << "a warning";
    expect_nothing_wrong_is_kept();
  }
}

TEST_F(FaultsTest, L2AListOfTagsThatDoesNotEnd) {  // EP-10
  const auto list = [&](const std::string& next) {
    return Response{.fields = {{"Link", str_cat("<", fake.path("/tags/list"), "?last=", next,
                                                ">; rel=\"next\"")}},
                    .body = R"({"tags":["t","u"]})"};
  };
  std::atomic<int> pages = 0;
  for (const bool is_loop : {true, false}) {
    fake.clear_handlers();
    fake.forget_requests();
    fake.on([&, is_loop](const FakeRegistry::Request& request) -> std::optional<Response> {
      if (request.path() != fake.path("/tags/list")) return std::nullopt;
      return list(is_loop ? "t" : std::to_string(++pages));
    });
    mount();
    EXPECT_EQ(names_in(mounted->path() / "tags"), (std::set<std::string>{"t", "u"}));
    EXPECT_EQ(problems("limit").size(), 1U);
    EXPECT_LE(fake.count("GET", fake.path("/tags/list")), 20U);
  }
}

TEST_F(FaultsTest, D6ADiffThatIsNotWhatItsDiffIdPromises) {  // promise 3
  const WrongDiff wrong(test::tar({{"file", "content"}}));
  fake.add(wrong.set);
  mount();
  const auto layer = mounted->path() / "tags/w/layers/00";
  EXPECT_EQ(read_error(layer / "diff"), EIO);
  EXPECT_EQ(read_error(mounted->path() / "diffs" / wrong.promised.str()), EIO);
  expect_nothing_wrong_is_kept();
  const auto records = problems("diff-mismatch");
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].at("promised").at("digest"), wrong.promised.str());
  const Digest actual = digest_of(wrong.tar);
  EXPECT_EQ(records[0].at("actual").at("digest"), actual.str());
  // What came stays readable, under the name that is true.
  EXPECT_EQ(test::slurp(mounted->path() / "diffs" / actual.str()), wrong.tar);
  EXPECT_EQ(test::slurp(layer / "diff.actual"), wrong.tar);
  EXPECT_EQ(test::slurp(layer / "blob"), test::gzip(wrong.tar));
}

TEST_F(FaultsTest, D3ALayerThatCannotBeDecompressed) {
  const std::string whole = test::gzip(test::tar({{"file", test::noise(100'000)}}));
  const auto layer = set.add(registry::Endpoint::blobs, whole.substr(0, whole.size() - 4),
                             "application/vnd.oci.image.layer.v1.tar+gzip");
  const auto config =
      set.add(registry::Endpoint::blobs,
              test::config_json({digest_of(test::tar({{"file", test::noise(100'000)}}))}),
              "application/vnd.oci.image.config.v1+json");
  set.tag("d", set.add(registry::Endpoint::manifests, test::manifest_json(config, {layer}),
                       "application/vnd.oci.image.manifest.v1+json"));
  fake.add(set);
  mount();
  EXPECT_EQ(read_error(mounted->path() / "tags/d/layers/00/diff"), EIO);
  EXPECT_EQ(test::slurp(mounted->path() / "tags/d/layers/00/blob"),
            whole.substr(0, whole.size() - 4));
  EXPECT_EQ(problems("undecodable").size(), 1U);
  expect_nothing_wrong_is_kept();
}

TEST_F(FaultsTest, B10AFileInTheCacheThatWasChangedByHand) {  // promise 2
  mount();
  EXPECT_EQ(test::slurp(blob(0)), bad);
  const auto cached = mounted->cache() / "blobs/sha256" / image.layers[0].digest.encoded();
  test::await_file(cached);
  std::filesystem::permissions(cached, std::filesystem::perms::owner_write,
                               std::filesystem::perm_options::add);
  {
    std::fstream file(cached, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(5000);
    file.put(static_cast<char>(bad[5000] ^ 1));
  }
  EXPECT_EQ(test::slurp(blob(0)), bad);
  EXPECT_EQ(problems("cache-damaged").size(), 1U);
  expect_nothing_wrong_is_kept();
}

TEST_F(FaultsTest, FailuresAreNotAbsence) {  // DEC-6, promise 9
  mount();
  const std::pair<int, int> statuses[] = {{401, EACCES}, {403, EACCES},    {404, ENOENT},
                                          {429, EAGAIN}, {500, ETIMEDOUT}, {503, ETIMEDOUT}};
  int number = 0;
  for (const auto& [status, expected] : statuses) {
    fake.clear_handlers();
    fake.on(fake.path("/manifests/"), {.status = status});
    // A new name each: a failure is shared for a while.
    EXPECT_EQ(read_error(mounted->path() / str_cat("tags/x", number++, "/manifest.json")), expected)
        << status;
  }
  fake.clear_handlers();
  EXPECT_EQ(read_error(mounted->path() / "tags/t/manifest.json"), 0);
}

}  // namespace
}  // namespace digestfs
