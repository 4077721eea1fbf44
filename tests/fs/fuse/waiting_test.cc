// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <linux/fuse.h>
#include <sys/stat.h>

#include "tests/support/bad_sector.h"
#include "tests/support/served.h"

// Promise 5, over the FUSE protocol: who waits for the network can be told to stop, and stops
// nobody else.

namespace digestfs::fs {
namespace {

using namespace std::chrono_literals;
using registry::Endpoint;
using test::FakeKernel;
using test::Image;
using test::MountSettings;
using test::ObjectSet;
using test::Served;

constexpr int kMany = 64;

Digest unknown_digest(int number) {
  return digest_of("nobody has this: " + std::to_string(number));
}

/// A repository with a good image whose content is cached, and another one of which nothing is.
struct Stalling {
  Stalling() {
    std::vector<test::Layer> layers;
    for (int i = 0; i < kMany; ++i) {
      layers.push_back(test::gzip_layer({{.name = "f", .content = std::to_string(i)}}));
    }
    cold = add_image(set, layers);
    set.tag("good", good.manifest);
    set.tag("cold", cold.manifest);
    for (int i = 0; i < kMany; ++i) set.tag("t" + std::to_string(i), good.manifest);
    served.mount(set);
    served.names("tags");
    served.names("tags/cold/layers");
    for (const auto& entry : served.names("tags/good")) served.kernel().walk("tags/good/" + entry);
    EXPECT_EQ(served.read(diff()).error, 0);
  }

  [[nodiscard]] std::string diff() const { return "diffs/" + good.diff_ids[0].str(); }
  std::uint64_t walk(const std::string& path) { return served.kernel().walk(path); }

  /// All that has to work whoever waits.
  void expect_the_rest_to_answer() {
    EXPECT_EQ(served.names("tags").size(), kMany + 2U);
    EXPECT_EQ(served.names("tags/good").size(), 9U);
    EXPECT_EQ(served.link("tags/good/image"), "../../images/" + good.manifest.digest.str());
    EXPECT_EQ(served.names("configs").size(), 2U);
    EXPECT_EQ(served.read(diff()).text, test::tar({{.name = "good"}}));
    // Also where it has to be hashed again first.
    std::filesystem::last_write_time(served.cached("diffs", good.diff_ids[0]),
                                     std::filesystem::file_time_type::clock::now());
    EXPECT_EQ(served.read(diff()).text, test::tar({{.name = "good"}}));
    EXPECT_EQ(served.xattr(diff(), "user.digestfs.state"), "verified");
    EXPECT_EQ(served.read(".digestfs/problems.jsonl").error, 0);
    EXPECT_EQ(served.kernel().call(FUSE_STATFS, FUSE_ROOT_ID).error, 0);
  }

  /// Sends requests that stall, sees that the rest answers meanwhile, and that each of them is
  /// answered well in the end.
  void expect_stalled(const std::function<std::uint64_t(int)>& send, std::size_t calls) {
    served.source.stall_all();
    std::vector<std::uint64_t> requests;
    for (int i = 0; i < kMany; ++i) requests.push_back(send(i));
    served.source.await_stalled(calls);
    expect_the_rest_to_answer();
    for (const auto request : requests) EXPECT_FALSE(served.kernel().has_reply(request));
    served.source.release();
    for (const auto request : requests) EXPECT_EQ(served.kernel().wait(request).error, 0);
  }

  ObjectSet set;
  Image good = add_image(set, {test::gzip_layer({{.name = "good"}})});
  Image cold = good;
  Served served;
};

TEST(Waiting, LookupsOfOneNameStopNobody) {
  Stalling stalling;
  const auto blobs = stalling.walk("blobs");
  stalling.expect_stalled(
      [&](int) { return stalling.served.kernel().send_lookup(blobs, unknown_digest(0).str()); }, 1);
  EXPECT_EQ(stalling.served.source.finds(), 1U);
}

TEST(Waiting, LookupsOfManyNamesStopNobody) {
  Stalling stalling;
  const auto manifests = stalling.walk("manifests");
  stalling.expect_stalled(
      [&](int i) {
        return stalling.served.kernel().send_lookup(manifests, unknown_digest(i).str());
      },
      16);
}

TEST(Waiting, OpensOfOneFileStopNobody) {
  Stalling stalling;
  const auto inode = stalling.walk("blobs/" + stalling.cold.layers[0].digest.str());
  stalling.expect_stalled([&](int) { return stalling.served.kernel().send_open(inode); }, 1);
  EXPECT_EQ(stalling.served.source.fetches(stalling.cold.layers[0].digest), 1U);
}

TEST(Waiting, OpensOfManyFilesStopNobody) {
  Stalling stalling;
  std::vector<std::uint64_t> inodes;
  for (const auto& diff : stalling.cold.diff_ids) {
    inodes.push_back(stalling.walk("diffs/" + diff.str()));
  }
  stalling.expect_stalled(
      [&](int i) {
        return stalling.served.kernel().send_open(inodes[static_cast<std::size_t>(i)]);
      },
      4);
}

TEST(Waiting, ListingsOfOneDirectoryStopNobody) {
  Stalling stalling;
  const auto inode = stalling.walk("tags/t0");
  stalling.expect_stalled([&](int) { return stalling.served.kernel().send_list(inode); }, 1);
}

TEST(Waiting, ListingsOfManyDirectoriesStopNobody) {
  Stalling stalling;
  std::vector<std::uint64_t> inodes;
  for (int i = 0; i < kMany; ++i) inodes.push_back(stalling.walk("tags/t" + std::to_string(i)));
  stalling.expect_stalled(
      [&](int i) {
        return stalling.served.kernel().send_list(inodes[static_cast<std::size_t>(i)]);
      },
      16);
}

TEST(Waiting, DownloadsThatStallDoNotHoldUpQuestions) {
  Stalling stalling;
  Served& served = stalling.served;
  std::vector<std::uint64_t> requests;
  for (const auto& layer : stalling.cold.layers) {
    served.source.stall(layer.digest);
    const auto inode = stalling.walk("blobs/" + layer.digest.str());
    requests.push_back(served.kernel().send_open(inode));
  }
  served.source.await_stalled(4);
  // Nothing of these was asked for before.
  EXPECT_EQ(served.names("tags/t7").size(), 9U);
  EXPECT_EQ(served.error_of("blobs/" + unknown_digest(1).str()), ENOENT);
  EXPECT_EQ(served.error_of("manifests/" + unknown_digest(2).str()), ENOENT);
  EXPECT_EQ(served.error_of("tags/nothing"), ENOENT);
  served.source.release();
  for (const auto request : requests) EXPECT_EQ(served.kernel().wait(request).error, 0);
}

TEST(Waiting, QuestionsThatStallDoNotHoldUpDownloads) {
  Stalling stalling;
  Served& served = stalling.served;
  const auto manifests = stalling.walk("manifests");
  std::vector<std::uint64_t> requests;
  for (int i = 0; i < kMany; ++i) {
    served.source.stall(unknown_digest(i));
    requests.push_back(served.kernel().send_lookup(manifests, unknown_digest(i).str()));
  }
  served.source.await_stalled(16);
  EXPECT_EQ(served.read("diffs/" + stalling.cold.diff_ids[5].str()).text,
            test::tar({{.name = "f", .content = "5"}}));
  served.source.release();
  for (const auto request : requests) EXPECT_EQ(served.kernel().wait(request).error, 0);
}

TEST(Waiting, AnInterruptedRequestEndsAtOnceAndAlone) {
  Stalling stalling;
  Served& served = stalling.served;
  FakeKernel& kernel = served.kernel();
  const auto blobs = stalling.walk("blobs");
  const auto file = stalling.walk("diffs/" + stalling.cold.diff_ids[0].str());
  const auto directory = stalling.walk("tags/t0");
  served.source.stall_all();
  const std::vector<std::function<std::uint64_t()>> kinds = {
      [&] { return kernel.send_lookup(blobs, unknown_digest(0).str()); },
      [&] { return kernel.send_open(file); },
      [&] { return kernel.send_list(directory); },
  };
  std::vector<std::uint64_t> patient;
  for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
    patient.push_back(kinds[kind]());
    const auto killed = kinds[kind]();
    patient.push_back(kinds[kind]());
    served.source.await_stalled(kind + 1);
    kernel.interrupt(killed);
    EXPECT_EQ(kernel.wait(killed).error, EINTR);
    // Again, of one that is answered: nothing happens.
    kernel.interrupt(killed);
  }
  for (const auto request : patient) EXPECT_FALSE(kernel.has_reply(request));
  served.source.release();
  for (const auto request : patient) EXPECT_EQ(kernel.wait(request).error, 0);
  EXPECT_EQ(served.source.fetches(stalling.cold.layers[0].digest), 1U);
  EXPECT_EQ(served.read("diffs/" + stalling.cold.diff_ids[0].str()).text,
            test::tar({{.name = "f", .content = "0"}}));
}

TEST(Waiting, ADownloadGoesOnWhenAllWhoWaitedAreGone) {
  Stalling stalling;
  Served& served = stalling.served;
  FakeKernel& kernel = served.kernel();
  const Digest& layer = stalling.cold.layers[0].digest;
  const auto file = stalling.walk("blobs/" + layer.str());
  served.source.stall(layer);
  const auto request = kernel.send_open(file);
  served.source.await_stalled(1);
  kernel.interrupt(request);
  EXPECT_EQ(kernel.wait(request).error, EINTR);
  served.source.release();
  EXPECT_EQ(kernel.read_file(file).error, 0);
  EXPECT_EQ(served.source.fetches(layer), 1U);
}

TEST(Waiting, LookupsGiveUpTogetherAndAKnownTagKeepsItsDigest) {
  ObjectSet set;
  const Image image = add_image(set, {test::gzip_layer({{.name = "f"}})});
  const auto loose = set.add(Endpoint::manifests, "{}");
  set.tag("known", image.manifest);
  set.tag("other", image.manifest);
  Served served;
  MountSettings settings;
  settings.selection.tag_ttl = Clock::duration::zero();
  served.mount(set, settings);
  FakeKernel& kernel = served.kernel();
  const std::string digest = "images/" + image.manifest.digest.str();
  EXPECT_EQ(served.target("tags/known/image"), digest);
  served.names("tags/known");
  EXPECT_EQ(served.xattr("tags/known", "user.digestfs.stale"), std::nullopt);
  const auto tags = kernel.walk("tags");
  const auto known = kernel.walk("tags/known");
  const auto other = kernel.walk("tags/other");
  const auto blobs = kernel.walk("blobs");
  const auto manifests = kernel.walk("manifests");
  const auto layer = kernel.walk("blobs/" + image.layers[0].digest.str());

  served.source.stall_all();
  const auto start = Clock::now();
  std::vector<std::uint64_t> lookups;
  for (int i = 0; i < kMany; ++i) {
    lookups.push_back(kernel.send_lookup(blobs, unknown_digest(0).str()));
  }
  for (int i = 1; i < kMany; ++i) {  // more than there are threads to ask
    lookups.push_back(kernel.send_lookup(manifests, unknown_digest(i).str()));
  }
  lookups.push_back(kernel.send_lookup(tags, "new"));
  const auto open = kernel.send_open(layer);
  const auto stale = kernel.send_lookup(known, "image");
  EXPECT_EQ(kernel.readlink(kernel.wait(stale).as<fuse_entry_out>().nodeid), "../../" + digest);
  const auto after_stale = Clock::now();
  EXPECT_GE(after_stale - start, 2s);
  EXPECT_EQ(kernel.xattr(known, "user.digestfs.stale"), "true");
  EXPECT_FALSE(kernel.has_reply(lookups[0]));
  // Those who come next do not wait as long again.
  EXPECT_EQ(kernel.lookup(known, "manifest.json").error, 0);
  EXPECT_EQ(kernel.wait(kernel.send_list(known)).error, 0);
  EXPECT_LT(Clock::now() - after_stale, 1900ms);  // 2 s is what the first one waited

  for (const auto lookup : lookups) EXPECT_EQ(kernel.wait(lookup).error, ETIMEDOUT);
  const auto after_lookups = Clock::now();
  EXPECT_GE(after_lookups - start, 5s);
  // The kernel lets one lookup of a name through at a time; those that queued are told at once.
  EXPECT_EQ(kernel.lookup(blobs, unknown_digest(0).str()).error, ETIMEDOUT);
  EXPECT_EQ(kernel.lookup(manifests, unknown_digest(1).str()).error, ETIMEDOUT);
  EXPECT_EQ(kernel.lookup(tags, "new").error, ETIMEDOUT);
  EXPECT_LT(Clock::now() - after_lookups, 4s);
  // An open waits as long as the source is being asked.
  EXPECT_FALSE(kernel.has_reply(open));

  served.source.release();
  EXPECT_EQ(kernel.wait(open).error, 0);
  EXPECT_EQ(kernel.wait(kernel.send_list(other)).error, 0);
  EXPECT_EQ(kernel.lookup(known, "image").error, 0);
  EXPECT_EQ(kernel.xattr(known, "user.digestfs.stale"), std::nullopt);
  EXPECT_EQ(kernel.lookup(manifests, loose.digest.str()).error, 0);
  // The answer to the question that was asked first may still be on its way.
  const std::string unknown = "blobs/" + unknown_digest(0).str();
  int error = served.error_of(unknown);
  for (int i = 0; i < 1000 && error == ETIMEDOUT; ++i) {
    std::this_thread::sleep_for(10ms);
    error = served.error_of(unknown);
  }
  EXPECT_EQ(error, ENOENT);
}

/// The threads of this process.
std::size_t threads() {
  std::size_t count = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    static_cast<void>(task);
    ++count;
  }
  return count;
}

TEST(Waiting, EndsWithTheSessionAndLeavesNoThread) {
  // The thread sanitizer starts one of its own with the first.
  std::jthread([] {}).join();
  const std::size_t before = threads();
  {
    Stalling stalling;
    Served& served = stalling.served;
    FakeKernel& kernel = served.kernel();
    const auto blobs = stalling.walk("blobs");
    served.source.stall_all();
    std::vector<std::uint64_t> requests;
    for (int i = 0; i < kMany; ++i) {
      const auto at = static_cast<std::size_t>(i);
      requests.push_back(kernel.send_lookup(blobs, unknown_digest(i).str()));
      requests.push_back(
          kernel.send_open(stalling.walk("diffs/" + stalling.cold.diff_ids[at].str())));
      requests.push_back(kernel.send_list(stalling.walk("tags/t" + std::to_string(i))));
    }
    served.source.await_stalled(20);
    EXPECT_GT(threads(), before + 20);
    kernel.hang_up();
    for (const auto request : requests) EXPECT_EQ(kernel.wait(request).error, EINTR);
  }
  // One that was joined may be in /proc for a moment still.
  const auto limit = Clock::now() + 10s;
  while (threads() > before && Clock::now() < limit) std::this_thread::yield();
  EXPECT_EQ(threads(), before);
}

TEST(Waiting, ManyReadersOfOneColdFileCostOneFetch) {
  ObjectSet set;
  const Image image =
      add_image(set, {test::gzip_layer({{.name = "f", .content = test::noise(20000)}})});
  set.tag("v1", image.manifest);
  Served served;
  served.mount(set);
  served.names("tags/v1");
  FakeKernel& kernel = served.kernel();
  const auto blob = kernel.walk("blobs/" + image.layers[0].digest.str());
  const auto diff = kernel.walk("diffs/" + image.diff_ids[0].str());
  served.source.stall(image.layers[0].digest);
  std::vector<std::uint64_t> blobs;
  std::vector<std::uint64_t> diffs;
  for (int i = 0; i < 16; ++i) {
    blobs.push_back(kernel.send_open(blob));
    diffs.push_back(kernel.send_open(diff));
  }
  served.source.await_stalled(1);
  served.source.release();
  const auto first_bytes = [&](std::uint64_t inode, std::uint64_t request) {
    const auto opened = kernel.wait(request);
    EXPECT_EQ(opened.error, 0);
    return kernel.read(inode, opened.as<fuse_open_out>().fh, 0, 4096).text();
  };
  const std::string& stored = set.objects().at(image.layers[0].digest).bytes;
  const std::string unpacked = test::tar({{.name = "f", .content = test::noise(20000)}});
  for (const auto request : blobs) EXPECT_EQ(first_bytes(blob, request), stored.substr(0, 4096));
  for (const auto request : diffs) EXPECT_EQ(first_bytes(diff, request), unpacked.substr(0, 4096));
  EXPECT_EQ(served.source.fetches(image.layers[0].digest), 1U);
}

TEST(Waiting, StatAndListingOfEverythingFetchNoLayer) {  // promise 4
  Stalling stalling;
  Served& served = stalling.served;
  FakeKernel& kernel = served.kernel();
  std::size_t seen = 0;
  const std::function<void(std::uint64_t)> look = [&](std::uint64_t directory) {
    for (const auto& entry : kernel.list(directory)) {
      ++seen;
      kernel.getattr(entry.inode);
      EXPECT_EQ(kernel.getxattr(entry.inode, "", 64 << 10).error, 0);
      kernel.xattr(entry.inode, "user.oci.digest");
      // Who enters a tree wants its layer.
      if (entry.name == "tree" || entry.name == "rootfs") continue;
      if (S_ISDIR(entry.entry.attr.mode)) look(entry.inode);
    }
  };
  look(FUSE_ROOT_ID);
  EXPECT_GT(seen, 500U);
  for (const auto& layer : stalling.cold.layers) {
    EXPECT_EQ(served.source.fetches(layer.digest), 0U);
  }
}

// Promise 10. With a warm cache and a new mount, `ls` of a small image waited until the layers of
// another one were hashed.
TEST(Waiting, ForTheDiskDelaysNothingSmall) {
  constexpr std::size_t kLarge = 9'000'000;
  ObjectSet set;
  const Image large =
      add_image(set, {test::plain_layer({{.name = "a", .content = test::noise(kLarge)}}),
                      test::plain_layer({{.name = "b", .content = test::noise(kLarge)}})});
  const Image small = add_image(set, {test::gzip_layer({{.name = "c", .content = "small"}})});
  set.tag("large", large.manifest);
  set.tag("small", small.manifest);
  Served served;
  served.mount(set);
  const auto blob = [](const Image& image, std::size_t i) {
    return "blobs/" + image.layers[i].digest.str();
  };
  for (const std::string& path : {blob(large, 0), blob(large, 1), blob(small, 0)}) {
    EXPECT_EQ(served.read(path).error, 0);
  }
  served.names("tags/small");
  served.names("tags/small/rootfs");
  served.mount();  // everything has to be hashed again
  std::vector<std::uint64_t> opens;
  {
    const test::SlowDisk slow(kLarge);
    for (const std::string& path : {blob(large, 0), blob(large, 1)}) {
      opens.push_back(served.kernel().send_open(served.kernel().walk(path)));
    }
    test::SlowDisk::await(2);  // both threads of the disk are busy
    EXPECT_TRUE(served.names("tags/small").contains("manifest.json"));
    EXPECT_EQ(served.read(blob(small, 0)).error, 0);
    EXPECT_EQ(served.names("tags/small/rootfs"), (std::set<std::string>{"c"}));
    EXPECT_EQ(served.read("tags/small/rootfs/c").text, "small");
  }
  for (const auto open : opens) EXPECT_EQ(served.kernel().wait(open).error, 0);
}

TEST(Waiting, IsExplained) {
  Stalling stalling;
  const auto& layer = stalling.cold.layers[0];
  const std::string path = "blobs/" + layer.digest.str();
  const auto inode = stalling.walk(path);
  EXPECT_FALSE(stalling.served.xattr(path, "user.digestfs.fetched"));
  stalling.served.source.stall_after(layer.digest, 10);
  const auto first = stalling.served.kernel().send_open(inode);
  const auto second = stalling.served.kernel().send_open(inode);
  stalling.served.source.await_stalled(1);
  EXPECT_EQ(stalling.served.xattr(path, "user.digestfs.fetched"), "10");
  const std::string both = " 2  fetch    " + layer.digest.str() + "\n";
  std::string table;
  // Another thread takes the second request, and may not have come so far.
  for (int i = 0; i < 1000 && table.find(both) == std::string::npos; ++i) {
    table = stalling.served.read(".digestfs/transfers").text;
  }
  const std::string row = table.substr(table.find('\n') + 1);
  EXPECT_NE(table.find("DONE"), std::string::npos);
  EXPECT_NE(row.find("10B"), std::string::npos) << table;
  EXPECT_NE(row.find(both), std::string::npos) << table;
  stalling.served.source.release();
  for (const auto request : {first, second}) {
    EXPECT_EQ(stalling.served.kernel().wait(request).error, 0);
  }
  EXPECT_FALSE(stalling.served.xattr(path, "user.digestfs.fetched"));
  EXPECT_EQ(stalling.served.read(".digestfs/transfers").text,
            table.substr(0, table.find('\n') + 1));
  EXPECT_NE(stalling.served.read(".digestfs/log").text.find("fetched digest=" + layer.digest.str()),
            std::string::npos);
}

}  // namespace
}  // namespace digestfs::fs
