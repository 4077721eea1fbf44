// SPDX-License-Identifier: Apache-2.0
// Which errno a failure is, over the FUSE protocol (promise 9).

#include <cerrno>
#include <exception>
#include <future>
#include <new>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "fs/fuse/error_number.h"
#include "tests/fs/fuse/errors_fixture.h"

namespace digestfs::fs {
namespace {

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

}  // namespace
}  // namespace digestfs::fs
