// SPDX-License-Identifier: Apache-2.0
// Promise 6: a daemon that is killed at any moment leaves no file under a name that it does not
// hash to, and no hint that is not as it was written, and the next one goes on. The blobs come
// slowly and over several connections, and are unpacked meanwhile.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "cache/open/block_sums.h"
#include "fs/tree/kept_tree.h"
#include "tests/support/fake_registry.h"
#include "tests/support/image_builder.h"
#include "tests/support/mounted.h"

namespace digestfs {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using test::FakeRegistry;
using test::Mounted;

constexpr int kKills = 8;

/// Returns the number that the moments of the kills come from: another one each time, or the one in
/// the environment's DIGESTFS_SEED.
std::uint32_t seed() {
  if (const char* given = std::getenv("DIGESTFS_SEED")) {
    return static_cast<std::uint32_t>(std::strtoul(given, nullptr, 10));
  }
  return std::random_device()();
}

/// Returns the files of `folder` of the cache that have the names of digests.
std::vector<fs::path> files_of_digests(const fs::path& cache, const char* folder) {
  std::vector<fs::path> files;
  const fs::path of_algorithm = cache / folder / "sha256";
  if (!fs::exists(of_algorithm)) return files;
  for (const auto& entry : fs::directory_iterator(of_algorithm)) {
    // Others are being written: nobody reads them.
    if (Digest::parse("sha256:" + entry.path().filename().string())) files.push_back(entry.path());
  }
  return files;
}

/// Expects that the sums and trees in the cache are whole, and of `objects`, which are found by the
/// encoded forms of their digests. The cache need not have the objects: a hint is written a moment
/// before its object gets a name, and a kill may come in between. Returns how many hints there are.
std::size_t expect_sound_hints(const fs::path& cache,
                               const std::map<std::string, std::string>& objects) {
  std::size_t count = 0;
  for (const fs::path& file : files_of_digests(cache, "sums")) {
    const auto object = Digest::parse("sha256:" + file.filename().string());
    const std::string& bytes = objects.at(file.filename());
    cache::BlockSummer summer;
    summer.update(as_bytes(bytes));
    EXPECT_EQ(cache::BlockSums::parse(test::slurp(file), *object, bytes.size()), summer.finish())
        << file;
    ++count;
  }
  for (const fs::path& file : files_of_digests(cache, "trees")) {
    const auto diff = Digest::parse("sha256:" + file.filename().string());
    const UniqueFd tree = open_file(AT_FDCWD, file, O_RDONLY);
    try {
      EXPECT_TRUE(
          digestfs::fs::read_kept_tree(tree.get(), *diff, objects.at(file.filename()).size()))
          << file;
    } catch (const Error& error) {
      ADD_FAILURE() << file << ": " << error.what();
    }
    ++count;
  }
  return count;
}

/// Reads what is at `path`, and does not mind that the daemon dies meanwhile.
std::jthread read_aside(const fs::path& path) {
  return std::jthread([path] {
    try {
      static_cast<void>(test::slurp(path));
    } catch (const std::exception&) {
      // The mount is gone.
    }
  });
}

TEST(Kills, LeaveNothingWrongAndNothingInTheWay) {
  if (!test::can_mount()) GTEST_SKIP() << "there is no /dev/fuse";
  const std::uint32_t started_with = seed();
  std::mt19937 numbers(started_with);
  std::cout << "DIGESTFS_SEED=" << started_with << std::endl;
  const testing::ScopedTrace trace(__FILE__, __LINE__, str_cat("DIGESTFS_SEED=", started_with));

  FakeRegistry registry;
  test::ObjectSet set;
  std::vector<test::Layer> layers;
  for (const std::uint64_t number : {1U, 2U}) {
    layers.push_back(test::gzip_layer(
        {{"dir", "", '5'},
         {str_cat("dir/large", number), test::noise(std::size_t{24} << 20U, number)},
         {str_cat("dir/small", number), "small\n"}}));
  }
  std::map<std::string, std::string> objects;
  for (const test::Layer& layer : layers) {
    for (const std::string& bytes : {layer.blob, layer.diff}) {
      objects[std::string(digest_of(bytes).encoded())] = bytes;
    }
  }
  const test::Image image = test::add_image(set, layers);
  registry.add(set);
  registry.tag("latest", image.manifest.digest);
  const test::TemporaryDirectory directory;
  const fs::path cache = directory.path() / "cache";
  const std::vector<std::string> options = {"--cache-dir", cache};

  bool is_shared = false;
  bool has_left_hints = false;
  for (int kill = 0; kill < kKills || !is_shared || !has_left_hints; ++kill) {
    ASSERT_LT(kill, 10 * kKills) << "several connections at work: " << is_shared
                                 << ", sums or trees left by a kill: " << has_left_hints;
    // Once everything is there, there is nothing left to kill.
    if (fs::exists(cache / "blobs/sha256" / image.layers[0].digest.encoded()) &&
        fs::exists(cache / "blobs/sha256" / image.layers[1].digest.encoded())) {
      fs::remove_all(cache);
    }
    // Slowly, so that several connections are opened; and fast, so that layers become complete, and
    // sums and trees are written when the daemon dies.
    registry.pace_blobs(kill % 2 == 0 ? 100ms : 2ms);
    Mounted mounted(DIGESTFS_BINARY, registry.source(), options);
    const auto image_path = mounted.path() / "tags/latest";
    std::vector<std::jthread> readers;
    readers.push_back(read_aside(image_path / "layers/00/diff"));
    readers.push_back(read_aside(image_path / "layers/01/blob"));
    readers.push_back(read_aside(image_path / "rootfs/dir/small2"));
    std::this_thread::sleep_for(std::chrono::milliseconds(numbers() % 1500));
    EXPECT_EQ(test::slurp(mounted.path() / ".digestfs/problems.jsonl"), "");
    mounted.process().signal(SIGKILL);
    mounted.process().wait(10s);
    readers.clear();
    EXPECT_EQ(test::wrong_files(cache), std::vector<std::string>{}) << "after kill " << kill;
    has_left_hints = expect_sound_hints(cache, objects) > 0 || has_left_hints;
    // A part of a blob was asked for by its end: several connections were at work.
    is_shared = is_shared || std::ranges::any_of(registry.requests(), [](const auto& request) {
                  const std::string range = request.field("Range");
                  return !range.empty() && !range.ends_with('-');
                });
  }

  registry.pace_blobs(0ms);
  // The second time by what the first one has kept.
  for (int mount = 0; mount < 2; ++mount) {
    {
      Mounted mounted(DIGESTFS_BINARY, registry.source(), options);
      for (std::size_t i = 0; i < layers.size(); ++i) {
        const auto path = mounted.path() / "tags/latest/layers" / str_cat("0", i);
        EXPECT_EQ(test::slurp(mounted.path() / str_cat("tags/latest/rootfs/dir/small", i + 1)),
                  "small\n");
        EXPECT_TRUE(test::slurp(path / "blob") == layers[i].blob);
        EXPECT_TRUE(test::slurp(path / "diff") == layers[i].diff);
      }
      EXPECT_EQ(test::slurp(mounted.path() / ".digestfs/problems.jsonl"), "");
    }
    EXPECT_EQ(test::wrong_files(cache), std::vector<std::string>{});
    EXPECT_EQ(expect_sound_hints(cache, objects), 2 * layers.size());
  }
}

}  // namespace
}  // namespace digestfs
