// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <exception>
#include <filesystem>
#include <fstream>
#include <future>
#include <new>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fuse.h>
#include <sys/file.h>

#include "base/error.h"
#include "base/file.h"
#include "fs/fuse/error_number.h"
#include "tests/support/served.h"

// Promises 1, 2, 3 and 9 over the FUSE protocol: which errno, which record, and never a wrong byte.

namespace digestfs::fs {
namespace {

using registry::Descriptor;
using registry::Endpoint;
using test::FakeKernel;
using test::Image;
using test::MemorySource;
using test::MountSettings;
using test::ObjectSet;
using test::Served;

using Names = std::set<std::string>;

constexpr const char* kManifestType = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kConfigType = "application/vnd.oci.image.config.v1+json";

/// The errnos of promise 9 (DEC-6) for what a source can fail with.
const std::vector<std::pair<Errc, int>> kSourceErrors = {
    {Errc::denied, EACCES},          {Errc::rate_limited, EAGAIN}, {Errc::unavailable, ETIMEDOUT},
    {Errc::timed_out, ETIMEDOUT},    {Errc::corrupt, EIO},         {Errc::too_large, EFBIG},
    {Errc::unsupported, EOPNOTSUPP}, {Errc::untrusted, ETIMEDOUT}};

template <class Failure>
int number_of(const Failure& failure) {
  return error_number(std::make_exception_ptr(failure));
}

TEST(ErrorNumber, IsOneForEachFailure) {
  for (const auto& [code, number] : kSourceErrors) EXPECT_EQ(number_of(Error(code, "")), number);
  EXPECT_EQ(number_of(Error(Errc::not_found, "")), ENOENT);
  EXPECT_EQ(number_of(Error(Errc::interrupted, "")), EINTR);
  EXPECT_EQ(number_of(std::system_error(ENOSPC, std::generic_category())), ENOSPC);
  EXPECT_EQ(number_of(std::system_error(EMFILE, std::system_category())), EMFILE);
  EXPECT_EQ(number_of(std::system_error(std::make_error_code(std::future_errc::no_state))), EIO);
  EXPECT_EQ(number_of(std::system_error(0, std::generic_category())), EIO);
  EXPECT_EQ(number_of(std::bad_alloc()), ENOMEM);
  EXPECT_EQ(number_of(std::runtime_error("")), EIO);
  EXPECT_EQ(number_of(7), EIO);
}

/// A good image and one that a test makes bad.
struct Pair {
  Pair() {
    set.tag("good", good.manifest);
    set.tag("bad", bad.manifest);
  }

  /// The good one reads as ever, and nothing wrong is in the cache.
  void expect_sound(Served& served) const {
    served.names("tags/good/layers");
    EXPECT_EQ(served.read("diffs/" + good.diff_ids[0].str()).text,
              test::tar({{.name = "good", .content = "good"}}));
    EXPECT_EQ(served.read("blobs/" + good.layers[0].digest.str()).text,
              set.objects().at(good.layers[0].digest).bytes);
    served.expect_sound_cache();
  }

  [[nodiscard]] const std::string& bytes(const Descriptor& descriptor) const {
    return set.objects().at(descriptor.digest).bytes;
  }
  [[nodiscard]] std::string blob() const { return "blobs/" + bad.layers[0].digest.str(); }
  [[nodiscard]] std::string diff() const { return "diffs/" + bad.diff_ids[0].str(); }

  ObjectSet set;
  Image good = add_image(set, {test::gzip_layer({{.name = "good", .content = "good"}})});
  Image bad = add_image(set, {test::gzip_layer({{.name = "bad", .content = test::noise(200000)}})});
};

TEST(Errors, OfAFetchAreOneErrnoWhoeverAsks) {
  for (const auto& [code, number] : kSourceErrors) {
    const Pair pair;
    Served served;
    served.mount(pair.set);
    served.names("tags/bad");
    served.source.fail(pair.bad.layers[0].digest, code);
    EXPECT_EQ(served.read(pair.blob()).error, number) << to_string(code);
    EXPECT_EQ(served.read(pair.diff()).error, number) << to_string(code);
    // The names are there all the while.
    EXPECT_EQ(served.error_of(pair.blob()), 0) << to_string(code);
    EXPECT_TRUE(served.names("blobs").contains(pair.bad.layers[0].digest.str()));
    pair.expect_sound(served);
  }
}

TEST(Errors, OfALookupAreNeverAnAbsence) {
  for (const auto& [code, number] : kSourceErrors) {
    const Pair pair;
    Served served;
    served.mount(pair.set);
    served.source.fail_all(code);
    const std::vector<std::string> paths = {"tags/new",
                                            "tags/bad/image",
                                            "blobs/" + pair.bad.layers[0].digest.str(),
                                            "configs/" + pair.bad.config.digest.str(),
                                            "images/" + pair.bad.manifest.digest.str(),
                                            "indexes/" + pair.good.manifest.digest.str(),
                                            "manifests/" + pair.good.manifest.digest.str()};
    FakeKernel& kernel = served.kernel();
    for (const std::string& path : paths) {
      const auto slash = path.rfind('/');
      const auto reply = kernel.lookup(kernel.walk(path.substr(0, slash)), path.substr(slash + 1));
      EXPECT_EQ(reply.error, number) << path << " " << to_string(code);
      EXPECT_TRUE(reply.body.empty()) << path;  // no entry that the kernel could keep
    }
    EXPECT_EQ(served.error_of_listing("tags/bad"), number);
  }
}

TEST(Errors, EndWhenTheirCauseHasEnded) {
  const Pair pair;
  Served served;
  served.mount(pair.set);
  served.names("tags/bad");
  served.source.fail_all(Errc::unavailable);
  const std::string unknown = "manifests/" + pair.good.manifest.digest.str();
  EXPECT_EQ(served.read(pair.blob()).error, ETIMEDOUT);
  EXPECT_EQ(served.error_of(unknown), ETIMEDOUT);
  EXPECT_EQ(served.error_of("tags/new"), ETIMEDOUT);
  served.source.behave();
  served.source.tag("new", pair.good.manifest);
  // Shared with those who ask again for as long as a lookup waits, 5 s, and no longer.
  const auto limit = Clock::now() + std::chrono::seconds(20);
  for (const std::string& path : {unknown, std::string("tags/new")}) {
    while (served.error_of(path) == ETIMEDOUT && Clock::now() < limit) std::this_thread::yield();
    EXPECT_EQ(served.error_of(path), 0) << path;
  }
  EXPECT_EQ(served.read(pair.blob()).text, pair.bytes(pair.bad.layers[0]));
}

TEST(Errors, M15OfATagThatIsKnownAreOnlyThoseThatSayIt) {  // design, "Settled"
  const Pair pair;
  for (const auto& [code, number] : kSourceErrors) {
    Served served;
    MountSettings settings;
    settings.selection.tag_ttl = Clock::duration::zero();
    served.mount(pair.set, settings);
    served.names("tags/good");
    served.source.fail_all(code);
    const auto tag = served.kernel().walk("tags");
    const auto reply = served.kernel().lookup(tag, "good");
    const bool keeps = code == Errc::unavailable || code == Errc::untrusted ||
                       code == Errc::timed_out || code == Errc::rate_limited;
    EXPECT_EQ(reply.error, keeps ? 0 : number) << to_string(code);
    if (keeps) {
      EXPECT_EQ(served.target("tags/good/image"), "images/" + pair.good.manifest.digest.str());
      EXPECT_EQ(served.xattr("tags/good", "user.digestfs.stale"), "true");
      EXPECT_EQ(served.names("tags/good").size(), 9U);
      EXPECT_EQ(served.names("tags"), (Names{"good", "bad"}));
    }
  }
}

TEST(Errors, OfAnOfflineMount) {  // promise 7
  const Pair pair;
  Served served;
  served.mount(pair.set);
  served.names("tags");
  served.names("tags/good/layers");
  const std::string diff = "diffs/" + pair.good.diff_ids[0].str();
  ASSERT_EQ(served.read(diff).error, 0);
  MountSettings settings;
  settings.network = cache::Network::offline;
  served.mount(settings);
  const auto asked = [&] {
    return served.source.lists() + served.source.resolves() + served.source.finds() +
           served.source.fetches();
  };
  const auto before = asked();
  EXPECT_EQ(served.names("tags"), (Names{"good", "bad"}));
  EXPECT_EQ(served.names("tags/good").size(), 9U);
  EXPECT_EQ(served.xattr("tags/good", "user.digestfs.stale"), "true");
  EXPECT_EQ(served.read(served.target("tags/good/layers/00/diff")).text,
            test::tar({{.name = "good", .content = "good"}}));
  EXPECT_EQ(served.error_of("tags/bad/image"), ETIMEDOUT);
  EXPECT_EQ(served.error_of("tags/nothing"), ETIMEDOUT);
  EXPECT_EQ(served.error_of(pair.blob()), ETIMEDOUT);
  EXPECT_EQ(served.error_of("manifests/" + pair.bad.manifest.digest.str()), ETIMEDOUT);
  EXPECT_EQ(asked(), before);
}

TEST(Errors, OfAFullDisk) {
  const Pair pair;
  Served served;
  MountSettings settings;
  served.mount(pair.set, settings);
  served.names("tags/good/layers");
  settings.limits.free_percent = 100;  // there is never that much free
  served.mount(settings);
  EXPECT_EQ(served.names("tags/good").size(), 9U);  // what is cached is read
  EXPECT_EQ(served.read("blobs/" + pair.good.layers[0].digest.str()).error, ENOSPC);
  EXPECT_EQ(served.error_of_listing("tags/bad"), ENOSPC);
  EXPECT_TRUE(served.problems().empty());
  served.expect_sound_cache();
  served.mount();
  pair.expect_sound(served);
}

TEST(Errors, OfADocumentOverTheLimit) {  // MT-5
  ObjectSet set;
  const auto large = set.add(Endpoint::manifests, "{}" + std::string(4 << 20, ' '), kManifestType);
  set.tag("large", large);
  Served served;
  served.mount(set);
  EXPECT_EQ(served.error_of("tags/large/manifest.json"), EFBIG);
  EXPECT_EQ(served.error_of("images/" + large.digest.str()), EFBIG);
  served.expect_sound_cache();
}

TEST(Errors, OfADigestThatCannotBeChecked) {  // DIG-3
  const std::string digest = "blake3:" + std::string(64, 'a');
  ObjectSet set;
  const auto config = set.add(Endpoint::blobs, test::config_json({}), kConfigType);
  set.tag("v1", set.add(Endpoint::manifests,
                        R"({"schemaVersion":2,"config":{"mediaType":")" + std::string(kConfigType) +
                            R"(","digest":")" + config.digest.str() +
                            R"(","size":1},"layers":[{"digest":")" + digest + R"(","size":1}]})",
                        kManifestType));
  Served served;
  served.mount(set);
  EXPECT_EQ(served.target("tags/v1/layers/00/blob"), "blobs/" + digest);
  EXPECT_EQ(served.read("blobs/" + digest).error, EOPNOTSUPP);
  EXPECT_EQ(served.source.fetches(*Digest::parse(digest)), 0U);
}

/// What a source sends in the place of `bytes`.
struct Wrong {
  std::string name;
  std::string bytes;
};

std::vector<Wrong> wrong_versions(const std::string& bytes) {
  std::string flipped = bytes;
  flipped.back() = static_cast<char>(flipped.back() ^ 1);
  return {{"flipped", flipped},
          {"short", bytes.substr(0, bytes.size() - 1)},
          {"empty", ""},
          {"long", bytes + "+"},
          {"html", "<html>please log in</html>"}};
}

TEST(Mismatch, OfABlobServesNoByteAndLeavesARecord) {  // promises 1 and 3
  const Pair pair;
  const Descriptor& layer = pair.bad.layers[0];
  for (const auto& [name, wrong] : wrong_versions(pair.bytes(layer))) {
    Served served;
    served.mount(pair.set);
    served.names("tags/bad");
    served.source.serve_instead(layer.digest, wrong);
    for (const std::string& path : {pair.blob(), pair.diff()}) {
      const auto content = served.read(path);
      EXPECT_EQ(content.error, EIO) << name;
      EXPECT_EQ(content.text, "") << name;
    }
    const auto problems = served.problems();
    ASSERT_EQ(problems.size(), 1U) << name;
    EXPECT_EQ(problems[0].kind, "digest-mismatch") << name;
    EXPECT_EQ(problems[0].object, layer.digest.str()) << name;
    EXPECT_EQ(problems[0].promised, layer.digest.str()) << name;
    EXPECT_EQ(problems[0].promised_size, layer.size) << name;
    EXPECT_EQ(problems[0].actual, digest_of(wrong).str()) << name;
    EXPECT_EQ(problems[0].actual_size, wrong.size()) << name;
    EXPECT_EQ(problems[0].source, served.source.name()) << name;
    EXPECT_EQ(problems[0].time.size(), std::string("2026-01-01T00:00:00Z").size()) << name;
    EXPECT_FALSE(problems[0].detail.empty()) << name;
    EXPECT_EQ(served.xattr(pair.blob(), "user.digestfs.state"), "remote") << name;
    pair.expect_sound(served);
  }
}

TEST(Mismatch, OfADocumentShowsNothingOfIt) {
  const Pair pair;
  for (const Descriptor& descriptor : {pair.bad.manifest, pair.bad.config}) {
    for (const auto& [name, wrong] : wrong_versions(pair.bytes(descriptor))) {
      Served served;
      served.mount(pair.set);
      served.source.serve_instead(descriptor.digest, wrong);
      EXPECT_EQ(served.error_of_listing("tags/bad"), EIO) << name;
      EXPECT_EQ(served.error_of("tags/bad/layers"), EIO) << name;
      EXPECT_EQ(served.problems("digest-mismatch").size(), 1U) << name;
      pair.expect_sound(served);
    }
  }
}

TEST(Mismatch, OfAnObjectEndsWithTheSourcesFault) {
  const Pair pair;
  Served served;
  served.mount(pair.set);
  served.names("tags/bad");
  served.source.serve_instead(pair.bad.layers[0].digest, "something else");
  EXPECT_EQ(served.read(pair.diff()).error, EIO);
  served.source.behave();
  served.mount();
  served.names("tags/bad");
  EXPECT_EQ(served.read(pair.blob()).text, pair.bytes(pair.bad.layers[0]));
  EXPECT_EQ(served.read(pair.diff()).error, 0);
  EXPECT_TRUE(served.problems().empty());
  pair.expect_sound(served);
}

TEST(Mismatch, OfADiffKeepsWhatCameUnderItsTrueName) {  // promise 3
  ObjectSet set;
  const auto layer = test::gzip_layer({{.name = "a", .content = "what is really in it"}});
  const auto blob = set.add(Endpoint::blobs, layer.blob, layer.media_type);
  const Digest promised = digest_of("something else");
  const Digest actual = digest_of(layer.diff);
  const auto config = set.add(Endpoint::blobs, test::config_json({promised}), kConfigType);
  const auto manifest =
      set.add(Endpoint::manifests, test::manifest_json(config, {blob}), kManifestType);
  set.tag("v1", manifest);
  Served served;
  served.mount(set);
  const std::vector<std::string> layers = {"tags/v1/layers/00",
                                           "images/" + manifest.digest.str() + "/layers/00"};
  for (const auto& path : layers) {
    EXPECT_EQ(served.names(path), (Names{"blob", "diff", "tree", "created_by"}));
    EXPECT_FALSE(served.exists(path + "/diff.actual"));
  }
  const auto time_before = served.attributes(layers[0]).mtimensec;

  const auto content = served.read("diffs/" + promised.str());
  EXPECT_EQ(content.error, EIO);
  EXPECT_EQ(content.text, "");
  for (const auto& path : layers) {
    EXPECT_EQ(served.names(path), (Names{"blob", "diff", "diff.actual", "tree", "created_by"}));
    EXPECT_EQ(served.link(path + "/diff.actual"), "../../../../diffs/" + actual.str());
    EXPECT_EQ(served.link(path + "/diff"), "../../../../diffs/" + promised.str());
  }
  EXPECT_NE(served.attributes(layers[0]).mtimensec, time_before);
  EXPECT_TRUE(served.names("diffs").contains(actual.str()));
  EXPECT_EQ(served.attributes("diffs/" + actual.str()).size, layer.diff.size());
  EXPECT_EQ(served.read("diffs/" + actual.str()).text, layer.diff);
  EXPECT_EQ(served.read("blobs/" + blob.digest.str()).text, layer.blob);
  EXPECT_EQ(served.xattr("blobs/" + blob.digest.str(), "user.oci.diffID"), actual.str());
  EXPECT_EQ(served.read("diffs/" + promised.str()).error, EIO);

  const auto problems = served.problems();
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].kind, "diff-mismatch");
  EXPECT_EQ(problems[0].object, promised.str());
  EXPECT_EQ(problems[0].promised, promised.str());
  EXPECT_EQ(problems[0].promised_size, std::nullopt);
  EXPECT_EQ(problems[0].actual, actual.str());
  EXPECT_EQ(problems[0].actual_size, layer.diff.size());
  EXPECT_NE(problems[0].detail.find(blob.digest.str()), std::string::npos);
  served.expect_sound_cache();
}

TEST(Mismatch, OfOneImageLeavesAnotherThatSharesItsDiffReadable) {
  // The liar names the diff of a good layer for a layer of its own, and is looked at first.
  ObjectSet set;
  const auto good = test::gzip_layer({{.name = "good"}});
  const auto bad = test::gzip_layer({{.name = "bad"}});
  const auto image_of = [&](const test::Layer& layer) {
    const auto blob = set.add(Endpoint::blobs, layer.blob, layer.media_type);
    const auto config =
        set.add(Endpoint::blobs, test::config_json({digest_of(good.diff)}), kConfigType);
    return set.add(Endpoint::manifests, test::manifest_json(config, {blob}), kManifestType);
  };
  set.tag("bad", image_of(bad));
  set.tag("good", image_of(good));
  Served served;
  served.mount(set);
  served.names("tags/bad/layers");
  EXPECT_EQ(served.read(served.target("tags/bad/layers/00/diff")).error, EIO);
  served.names("tags/good/layers");
  const auto content = served.read(served.target("tags/good/layers/00/diff"));
  EXPECT_EQ(content.error, 0);
  EXPECT_EQ(content.text, good.diff);
  EXPECT_FALSE(served.exists("tags/good/layers/00/diff.actual"));
  EXPECT_EQ(served.target("tags/bad/layers/00/diff.actual"), "diffs/" + digest_of(bad.diff).str());
}

TEST(Undecodable, LayersGiveNoByteOfTheirDiff) {  // DEC-a, DEC-e
  const auto good = test::gzip_layer({{.name = "f", .content = test::noise(100000)}});
  const std::vector<Wrong> layers = {
      {"cut", good.blob.substr(0, good.blob.size() - 9)},
      {"damaged", good.blob.substr(0, 5000) + '\0' + good.blob.substr(5001)},
      {"wrong checksum", good.blob.substr(0, good.blob.size() - 8) + std::string(8, '\0')},
  };
  for (const auto& [name, bytes] : layers) {
    ObjectSet set;
    const auto blob = set.add(Endpoint::blobs, bytes, good.media_type);
    const Digest diff = digest_of(good.diff);
    const auto config = set.add(Endpoint::blobs, test::config_json({diff}), kConfigType);
    set.tag("v1", set.add(Endpoint::manifests, test::manifest_json(config, {blob}), kManifestType));
    Served served;
    served.mount(set);
    served.names("tags/v1/layers");
    const auto content = served.read("diffs/" + diff.str());
    EXPECT_EQ(content.error, EIO) << name;
    EXPECT_EQ(content.text, "") << name;
    EXPECT_EQ(served.read("blobs/" + blob.digest.str()).text, bytes) << name;
    const auto problems = served.problems();
    ASSERT_EQ(problems.size(), 1U) << name;
    EXPECT_EQ(problems[0].kind, "undecodable") << name;
    EXPECT_EQ(problems[0].object, diff.str()) << name;
    EXPECT_EQ(problems[0].promised, diff.str()) << name;
    EXPECT_EQ(problems[0].actual, "") << name;
    EXPECT_FALSE(served.exists("tags/v1/layers/00/diff.actual")) << name;
    EXPECT_FALSE(std::filesystem::exists(served.cached("diffs", diff))) << name;
    served.expect_sound_cache();
  }
}

TEST(Damage, OfACachedFileIsHealedBeforeOpenReturns) {  // promise 2
  const Pair pair;
  Served served;
  served.mount(pair.set);
  served.names("tags/bad");
  const std::string blob = served.read(pair.blob()).text;
  const std::string diff = served.read(pair.diff()).text;
  const auto damage = [&](const std::string& area, const Digest& digest) {
    const auto path = served.cached(area, digest);
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    std::ofstream(path, std::ios::binary | std::ios::trunc) << "not what it was";
  };
  damage("blobs", pair.bad.layers[0].digest);
  damage("diffs", pair.bad.diff_ids[0]);
  EXPECT_EQ(served.read(pair.diff()).text, diff);
  EXPECT_EQ(served.read(pair.blob()).text, blob);
  const auto problems = served.problems();
  ASSERT_EQ(problems.size(), 2U);
  for (const auto& problem : problems) {
    EXPECT_EQ(problem.kind, "cache-damaged");
    EXPECT_EQ(problem.promised, problem.object);
    EXPECT_EQ(problem.actual, digest_of("not what it was").str());
  }
  pair.expect_sound(served);
}

TEST(Damage, OfAFileThatIsOpenGivesNoWrongByte) {  // promise 2: at every read
  const Pair pair;
  Served served;
  served.mount(pair.set);
  served.names("tags/bad");
  FakeKernel& kernel = served.kernel();
  const auto inode = kernel.walk(pair.blob());
  const auto opened = kernel.wait(kernel.send_open(inode)).as<fuse_open_out>();
  const std::string& good = pair.bytes(pair.bad.layers[0]);
  EXPECT_EQ(kernel.read(inode, opened.fh, 100, 50).text(), good.substr(100, 50));
  const auto path = served.cached("blobs", pair.bad.layers[0].digest);
  // Touched only: it is hashed again, and read on.
  std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::now());
  EXPECT_EQ(kernel.read(inode, opened.fh, 100, 50).text(), good.substr(100, 50));
  // Changed far from what is read.
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(good.size() - 1));
  file.put(static_cast<char>(good.back() ^ 1));
  file.close();
  const auto reply = kernel.read(inode, opened.fh, 100, 50);
  EXPECT_EQ(reply.error, EIO);
  EXPECT_TRUE(reply.body.empty());
  EXPECT_EQ(served.problems("cache-damaged").size(), 1U);
  EXPECT_EQ(served.read(pair.blob()).text, good);
  pair.expect_sound(served);
}

TEST(Damage, OfAFileThatWasEvictedWhileOpenIsNone) {
  const Pair pair;
  Served served;
  served.mount(pair.set);
  served.names("tags/bad");
  FakeKernel& kernel = served.kernel();
  const auto inode = kernel.walk(pair.blob());
  const auto opened = kernel.wait(kernel.send_open(inode)).as<fuse_open_out>();
  std::filesystem::remove(served.cached("blobs", pair.bad.layers[0].digest));
  const std::string& good = pair.bytes(pair.bad.layers[0]);
  EXPECT_EQ(kernel.read(inode, opened.fh, 0, 4096).text(), good.substr(0, 4096));
  EXPECT_TRUE(served.problems().empty());
}

/// Whether this process has a file open that is `path`.
bool is_open(const std::filesystem::path& path) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code ignored;
    if (std::filesystem::read_symlink(entry.path(), ignored) == path) return true;
  }
  return false;
}

TEST(Damage, OfALayerThatIsEvictedWhileItIsDecompressedIsNone) {
  const Pair pair;
  Served served;
  served.mount(pair.set);
  served.names("tags/bad");
  ASSERT_EQ(served.read(pair.blob()).error, 0);
  // Somebody else is at that diff, so that the layer is open but waits.
  const auto partial = served.cached("partial", pair.bad.diff_ids[0]);
  std::filesystem::create_directories(partial.parent_path());
  UniqueFd lock = open_file(AT_FDCWD, partial, O_RDWR | O_CREAT, 0600);
  ASSERT_EQ(::flock(lock.get(), LOCK_EX | LOCK_NB), 0);
  const auto request = served.kernel().send_open(served.kernel().walk(pair.diff()));
  const auto blob = served.cached("blobs", pair.bad.layers[0].digest);
  while (!is_open(blob)) std::this_thread::yield();
  std::filesystem::remove(blob);
  lock = UniqueFd();
  EXPECT_EQ(served.kernel().wait(request).error, 0);
  EXPECT_EQ(served.read(pair.diff()).error, 0);
  EXPECT_TRUE(served.problems().empty());
  pair.expect_sound(served);
}

TEST(Interruption, OfADownloadGoesOnWhereItStopped) {  // promise 6
  const Pair pair;
  const Descriptor& layer = pair.bad.layers[0];
  Served served;
  served.mount(pair.set);
  served.names("tags/bad");
  served.source.cut_after(layer.digest, 1000, MemorySource::Times::once);
  EXPECT_EQ(served.read(pair.blob()).text, pair.bytes(layer));
  EXPECT_EQ(served.source.offsets(layer.digest), (std::vector<std::uint64_t>{0, 1000}));
  EXPECT_TRUE(served.problems().empty());
  pair.expect_sound(served);
}

TEST(Reading, PastTheEndGivesNothing) {
  const Pair pair;
  Served served;
  served.mount(pair.set);
  served.names("tags/good/layers");
  FakeKernel& kernel = served.kernel();
  for (const std::string& path :
       {"blobs/" + pair.good.layers[0].digest.str(), std::string("tags/good/layers/00/created_by"),
        std::string(".digestfs/problems.jsonl")}) {
    const auto inode = kernel.walk(path);
    const auto handle = kernel.wait(kernel.send_open(inode)).as<fuse_open_out>().fh;
    const auto size = kernel.getattr(inode).attr.size;
    EXPECT_TRUE(kernel.read(inode, handle, size, 100).body.empty()) << path;
    EXPECT_TRUE(kernel.read(inode, handle, size + 1'000'000, 100).body.empty()) << path;
    EXPECT_EQ(kernel.read(inode, handle, 0, 0).body.size(), 0U) << path;
    EXPECT_EQ(kernel.read(inode, handle, 0, 1 << 16).body.size(), size) << path;
  }
}

}  // namespace
}  // namespace digestfs::fs
