// SPDX-License-Identifier: Apache-2.0
#include "fs/tree/built_trees.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "tests/cache/content_fixture.h"
#include "tests/support/block_count.h"
#include "tests/support/resident.h"

namespace digestfs::fs {
namespace {

class BuiltTreesTest : public testing::Test {
 protected:
  BuiltTreesTest() {
    for (const auto& layer : image_.layers) {
      const std::string& bytes = set_.objects().at(layer.digest).bytes;
      static_cast<void>(source_.add_object(registry::Endpoint::blobs, bytes));
      mount_.content.meet(layer.digest, registry::Endpoint::blobs, layer.size);
    }
    for (std::size_t i = 0; i < image_.layers.size(); ++i) {
      mount_.content.meet_diff(image_.diff_ids[i], image_.layers[i].digest);
    }
  }

  /// How often the first layer is fetched if it is entered after `prepare(trees)`, when nothing is
  /// left of it but what `most_spare` bytes of memory hold.
  template <class Prepare>
  std::size_t fetches(std::size_t most_spare, const Prepare& prepare) {
    keep_trees();
    BuiltTrees trees(mount_.content, mount_.problems, inodes_, mount_.workers, AbsoluteLinks::keep,
                     most_spare);
    prepare(trees);
    mount_.workers.await_end_of(Lane::name);  // nothing of it is written any longer
    std::filesystem::remove_all(cache_);
    const auto patience = Patience::unlimited();
    const FileNodes* files =
        test::landed([&] { return &trees.layer(image_.diff_ids[0], patience); });
    EXPECT_EQ(trees.known_layer(image_.diff_ids[0]), files);
    return source_.fetches(image_.layers[0].digest);
  }

  /// Has the cache keep the trees of the layers. They are so small that they come back at once.
  void keep_trees() {
    BuiltTrees trees(mount_.content, mount_.problems, inodes_, mount_.workers, AbsoluteLinks::keep);
    enter(trees, image_.diff_ids);
    mount_.workers.await_end_of(Lane::name);
  }
  /// Takes the tree of the first layer for a rootfs that cannot be shown.
  void enter_broken(BuiltTrees& trees) const {
    const std::vector<Digest> diffs{image_.diff_ids[0], digest_of("nobody has it")};
    EXPECT_THROW(enter(trees, diffs), Error);
  }
  static void enter(BuiltTrees& trees, const std::vector<Digest>& diffs) {
    test::landed([&] { return &trees.rootfs("rootfs", diffs, Patience::unlimited()); });
  }
  void tidy(unsigned times) const {
    for (unsigned i = 0; i < times; ++i) inodes_.tidy();
  }

  test::TemporaryDirectory directory_;
  std::filesystem::path cache_ = directory_.path() / "cache";
  test::ObjectSet set_;
  test::Image image_ =
      test::add_image(set_, {test::gzip_layer({{"a", "x"}}), test::gzip_layer({{"b", "y"}})});
  test::MemorySource source_;
  cache::Mount mount_{cache_, source_};
  Inodes inodes_;
};

TEST_F(BuiltTreesTest, KeepTheTreesOfLayersThatARootfsMayStillWant) {
  EXPECT_EQ(fetches(BuiltTrees::kMaxSpareBytes, [&](BuiltTrees& trees) { enter_broken(trees); }),
            1U);
}

// They would be half of what a rootfs takes.
TEST_F(BuiltTreesTest, DropTheTreesOfLayersOnceTheirRootfsIsThere) {
  EXPECT_EQ(fetches(BuiltTrees::kMaxSpareBytes,
                    [&](BuiltTrees& trees) { enter(trees, image_.diff_ids); }),
            2U);
}

// In a cache that others may write to, no tree is kept.
TEST_F(BuiltTreesTest, KeepTheTreesOfLayersThatTheCacheDoesNotKeep) {
  std::filesystem::permissions(cache_, std::filesystem::perms(0777));
  EXPECT_EQ(fetches(BuiltTrees::kMaxSpareBytes,
                    [&](BuiltTrees& trees) { enter(trees, image_.diff_ids); }),
            1U);
}

TEST_F(BuiltTreesTest, KeepTheTreesThatNoNodeShowsForAWhile) {
  EXPECT_EQ(fetches(BuiltTrees::kMaxSpareBytes,
                    [&](BuiltTrees& trees) {
                      enter_broken(trees);
                      tidy(FileNodes::kIdleTidyings - 1);
                    }),
            1U);
}

TEST_F(BuiltTreesTest, DropTheTreesThatNoNodeShowsOnceNobodyHasUsedThemForLong) {
  EXPECT_EQ(fetches(BuiltTrees::kMaxSpareBytes,
                    [&](BuiltTrees& trees) {
                      enter_broken(trees);
                      tidy(FileNodes::kIdleTidyings);
                    }),
            2U);
  inodes_.tidy();  // the trees have ended, as at the end of a mount
}

// What a registry makes up without end must not make memory grow without end.
TEST_F(BuiltTreesTest, DropTheTreesThatNoNodeShowsBeyondTheirBound) {
  EXPECT_EQ(fetches(0,
                    [&](BuiltTrees& trees) {
                      enter_broken(trees);
                      enter(trees, {image_.diff_ids[1]});
                    }),
            2U);
}

/// How many bytes of the heap are in use, or 0 if a sanitizer has a heap of its own.
std::size_t heap_in_use() {
  const auto heap = ::mallinfo2();
  return heap.uordblks + heap.hblkhd;
}

/// What a tree of `entries` takes for each of them, once `enter` has shown it.
template <class Enter>
void expect_few_bytes_an_entry(std::size_t entries, const Enter& enter) {
  constexpr std::size_t kMostBesidesName = 128;
  const std::size_t before = heap_in_use();
  const FileNodes& files = enter();
  const std::size_t after = heap_in_use();
  const std::size_t names = files.tree().texts().size();
  // Such a tree is in the heap as a whole.
  ASSERT_LT(files.tree().bytes(), TreeArrays::kLeastPageable);
  EXPECT_EQ(files.tree().files().size(), entries + 1);
  EXPECT_LE(after - before, kMostBesidesName * entries + names);
  EXPECT_GE(after - before, files.tree().bytes());
}

// Design 7. Of a rootfs the trees of its layers are no part, nor what it took to merge them.
TEST(BuiltTrees, TakeFewBytesAnEntry) {
  constexpr std::size_t kEntries = 10'000;
  if (heap_in_use() == 0) GTEST_SKIP() << "a sanitizer's heap does not tell";
  std::vector<test::TarEntry> entries;
  for (std::size_t i = 0; i < kEntries; ++i) entries.push_back({.name = str_cat("file", i)});
  test::ObjectSet set;
  test::MemorySource source;
  const test::Image image =
      test::add_image(set, {test::gzip_layer(entries), test::gzip_layer({{"file0", "upper"}})});
  for (const auto& layer : image.layers) {
    const std::string& bytes = set.objects().at(layer.digest).bytes;
    static_cast<void>(source.add_object(registry::Endpoint::blobs, bytes));
  }
  const test::TemporaryDirectory directory;
  cache::Mount mount(directory.path() / "cache", source);
  Inodes inodes;
  BuiltTrees trees(mount.content, mount.problems, inodes, mount.workers, AbsoluteLinks::keep);
  for (std::size_t i = 0; i < image.layers.size(); ++i) {
    const auto& layer = image.layers[i];
    mount.content.meet(layer.digest, registry::Endpoint::blobs, layer.size);
    mount.content.meet_diff(image.diff_ids[i], layer.digest);
  }
  const auto settled = [&](const auto& enter) {
    const FileNodes* files = test::landed([&] { return &enter(); });
    mount.workers.await_end_of(Lane::name);  // nothing of it is written any longer
    return files;
  };
  const auto patience = Patience::unlimited();
  const auto rootfs = [&]() -> const FileNodes& {
    return *settled(
        [&]() -> const FileNodes& { return trees.rootfs("rootfs", image.diff_ids, patience); });
  };
  const auto layer = [&]() -> const FileNodes& {
    return *settled([&]() -> const FileNodes& { return trees.layer(image.diff_ids[0], patience); });
  };
  expect_few_bytes_an_entry(kEntries, rootfs);
  expect_few_bytes_an_entry(kEntries, layer);
}

std::string long_name(std::size_t number) { return str_cat(std::string(85, 'x'), number); }

// Whoever comes second would leave a block that nobody uses for as long as the mount.
TEST(BuiltTrees, MakeTheNodesOfATreeOnceHoweverManyEnterItAtOnce) {
  constexpr std::size_t kTrees = 40;
  constexpr std::size_t kReaders = 4;
  const test::TemporaryDirectory directory;
  test::ObjectSet set;
  std::vector<test::Layer> layers;
  for (std::size_t tree = 0; tree < kTrees; ++tree) {
    std::vector<test::TarEntry> entries;
    for (std::size_t i = 0; i < 1000; ++i) entries.push_back({.name = str_cat(tree, "-", i)});
    layers.push_back(test::gzip_layer(entries));
  }
  const test::Image image = test::add_image(set, layers);
  test::MemorySource source;
  cache::Mount mount(directory.path() / "cache", source);
  Inodes inodes;
  const auto patience = Patience::unlimited();
  for (std::size_t i = 0; i < kTrees; ++i) {
    const Digest& blob = image.layers[i].digest;
    static_cast<void>(source.add_object(registry::Endpoint::blobs, set.objects().at(blob).bytes));
    mount.content.meet(blob, registry::Endpoint::blobs, image.layers[i].size);
    mount.content.meet_diff(image.diff_ids[i], blob);
  }
  {
    Inodes others;
    BuiltTrees kept(mount.content, mount.problems, others, mount.workers, AbsoluteLinks::keep);
    test::landed([&] { return &kept.rootfs("rootfs", image.diff_ids, patience); });
    mount.workers.await_end_of(Lane::name);
  }
  // The trees come back, and none of them has nodes: the rootfs that wants them cannot be shown.
  BuiltTrees trees(mount.content, mount.problems, inodes, mount.workers, AbsoluteLinks::keep);
  auto diffs = image.diff_ids;
  diffs.push_back(digest_of("nobody has it"));
  EXPECT_THROW(test::landed([&] { return &trees.rootfs("rootfs", diffs, patience); }), Error);
  std::barrier together(kReaders);
  std::vector<std::set<const FileNodes*>> seen(kReaders);
  {
    std::vector<std::jthread> readers;
    for (auto& nodes : seen) {
      readers.emplace_back([&] {
        for (const Digest& diff : image.diff_ids) {
          together.arrive_and_wait();
          nodes.insert(&trees.layer(diff, patience));
        }
      });
    }
  }
  EXPECT_EQ(std::set(seen.begin(), seen.end()).size(), 1U);
  EXPECT_EQ(test::blocks(inodes), kTrees);
}

constexpr std::string_view kContent = "content";

/// A layer whose tree is large enough to be let go of: an entry takes 68 bytes and its name.
std::vector<test::TarEntry> many_entries() {
  std::vector<test::TarEntry> entries;
  for (std::size_t i = 0; i < TreeArrays::kLeastPageable / 150; ++i) {
    entries.push_back({.name = long_name(i), .content = std::string(kContent)});
  }
  return entries;
}

/// An image of one layer that is entered.
class IdleTree : public testing::Test {
 protected:
  struct Entered {
    Entered(const std::filesystem::path& folder, registry::Source& source, const test::Image& image,
            std::uint64_t size, cache::StoreLimits limits)
        : mount(folder, source, cache::Network::allowed, limits),
          trees(mount.content, mount.problems, inodes, mount.workers, AbsoluteLinks::keep) {
      const Digest& blob = image.layers[0].digest;
      mount.content.meet(blob, registry::Endpoint::blobs, size);
      mount.content.meet_diff(image.diff_ids[0], blob);
      files = test::landed(
          [&] { return &trees.rootfs("rootfs", image.diff_ids, Patience::unlimited()); });
      bytes = std::as_bytes(files->tree().files());
    }

    /// Looks after the memory as often as it takes for a tree to be idle, but for `less` times.
    void tidy(unsigned less = 0) const {
      for (unsigned i = less; i < FileNodes::kIdleTidyings; ++i) inodes.tidy();
    }
    [[nodiscard]] std::size_t resident() const { return test::resident(bytes); }
    [[nodiscard]] const Node* node() const {
      return files->node(files->tree().find(FileTree::kRoot, long_name(1234)).value());
    }

    cache::Mount mount;
    Inodes inodes;
    BuiltTrees trees;
    const FileNodes* files = nullptr;
    std::span<const std::byte> bytes;
  };

  IdleTree() {
    const std::string& blob = set_.objects().at(image_.layers[0].digest).bytes;
    static_cast<void>(source_.add_object(registry::Endpoint::blobs, blob));
  }
  [[nodiscard]] Entered enter(cache::StoreLimits limits = {.free_percent = 0}) {
    return Entered(cache_, source_, image_, image_.layers[0].size.value(), limits);
  }

  test::TemporaryDirectory directory_;
  std::filesystem::path cache_ = directory_.path() / "cache";
  test::ObjectSet set_;
  test::Image image_ = test::add_image(set_, {test::gzip_layer(many_entries())});
  test::MemorySource source_;
};

TEST_F(IdleTree, IsLetGoOfOnceNobodyHasReadItForLong) {
  const Entered entered = enter();
  entered.tidy(1);
  EXPECT_GT(entered.resident(), 0U);
  entered.tidy();
  EXPECT_EQ(entered.resident(), 0U);
  // Nodes stay what they were, and their numbers too.
  const Node* node = entered.node();
  EXPECT_EQ(entered.inodes.find(node->inode()), node);
  EXPECT_EQ(node->attributes().links, 1U);
  EXPECT_GT(entered.resident(), 0U);
  entered.tidy();
  EXPECT_EQ(entered.resident(), 0U);
}

/// Changes a byte of each tree that was moved to the disk. Returns how many there are.
int damage_moved_trees(const std::filesystem::path& cache) {
  int damaged = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const std::string target = std::filesystem::read_symlink(entry, gone).native();
    if (!target.starts_with(cache.native()) || !target.ends_with("(deleted)")) continue;
    const UniqueFd file = open_file(AT_FDCWD, entry.path(), O_RDWR);
    // Of the texts: the name of a file would be another.
    const std::uint64_t at = std::filesystem::file_size(entry.path()) - 50;
    std::array<std::byte, 1> byte{};
    EXPECT_EQ(read_at(file.get(), byte, at), 1U);
    byte[0] ^= std::byte{1};
    write_all_at(file.get(), byte, at);
    ++damaged;
  }
  return damaged;
}

template <class Body>
std::optional<Errc> failure_of(const Body& body) {
  try {
    body();
    return std::nullopt;
  } catch (const Error& error) {
    return error.code();
  }
}

TEST_F(IdleTree, IsAnErrorIfItWasDamagedOnTheDisk) {  // promise 1
  Entered entered = enter();
  const Node* node = entered.node();
  entered.tidy();
  ASSERT_EQ(damage_moved_trees(cache_), 1);
  EXPECT_EQ(failure_of([&] { static_cast<void>(node->attributes()); }), Errc::corrupt);
  EXPECT_EQ(failure_of([&] { static_cast<void>(entered.inodes.find(node->inode())); }),
            Errc::corrupt);
  EXPECT_EQ(failure_of([&] { static_cast<void>(entered.node()); }), Errc::corrupt);
  const std::string problems = entered.mount.problems.text();
  EXPECT_NE(problems.find(R"("kind":"cache-damaged")"), std::string::npos) << problems;
  EXPECT_NE(problems.find(R"("object":"rootfs")"), std::string::npos) << problems;
  EXPECT_EQ(std::ranges::count(problems, '\n'), 1);
  ASSERT_EQ(damage_moved_trees(cache_), 1);  // it is as it was
  entered.tidy(FileNodes::kIdleTidyings - 1);
  EXPECT_EQ(node->attributes().links, 1U);
}

TEST_F(IdleTree, GoesIntoARootfsOnlyIfItCameBackWhole) {
  Entered entered = enter();
  const Digest& diff = image_.diff_ids[0];
  const auto patience = Patience::unlimited();
  const FileNodes& layer = *test::landed([&] { return &entered.trees.layer(diff, patience); });
  const auto enter_twice = [&] {
    return test::landed([&] { return &entered.trees.rootfs("twice", {diff, diff}, patience); });
  };
  entered.tidy();
  ASSERT_EQ(damage_moved_trees(cache_), 2);
  EXPECT_EQ(failure_of([&] { static_cast<void>(enter_twice()); }), Errc::corrupt);
  ASSERT_EQ(damage_moved_trees(cache_), 2);
  entered.tidy(FileNodes::kIdleTidyings - 1);
  EXPECT_TRUE(enter_twice()->tree().find(FileTree::kRoot, long_name(1234)));
  EXPECT_TRUE(layer.tree().find(FileTree::kRoot, long_name(1234)));
}

TEST_F(IdleTree, IsNotBroughtBackForAFileThatIsOpen) {
  Entered entered = enter();
  const auto patience = Patience::unlimited();
  const auto opened =
      test::landed([&] { return dynamic_cast<const File&>(*entered.node()).open(patience); });
  entered.tidy();
  std::array<std::byte, 100> buffer{};
  EXPECT_EQ(opened.read(buffer, 0, patience), kContent.size());
  EXPECT_EQ(as_text(buffer).substr(0, kContent.size()), kContent);
  EXPECT_EQ(entered.resident(), 0U);
}

TEST_F(IdleTree, StaysWhileSomebodyReadsIt) {
  const Entered entered = enter();
  const Node* node = entered.node();
  const std::size_t all = entered.resident();
  EXPECT_GT(all, 0U);
  for (int i = 0; i < 3; ++i) {
    entered.tidy(1);
    EXPECT_EQ(entered.resident(), all);
    EXPECT_EQ(node->attributes().type, FileType::file);
  }
}

TEST_F(IdleTree, StaysIfTheDiskHasNoRoomForIt) {
  static_cast<void>(enter());  // nothing can be fetched to a full disk
  const Entered entered = enter({.free_percent = 100});
  const std::size_t all = entered.resident();
  EXPECT_GT(all, 0U);
  for (int i = 0; i < 2; ++i) {
    entered.tidy();
    EXPECT_EQ(entered.resident(), all);
  }
  EXPECT_EQ(entered.node()->attributes().type, FileType::file);
}

TEST_F(IdleTree, IsReadWhileItIsLetGoOf) {
  const Entered entered = enter();
  const Node* node = entered.node();
  std::atomic<bool> is_over = false;
  std::atomic<int> read = 0;
  std::vector<std::jthread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      for (; !is_over; ++read) {
        EXPECT_EQ(entered.inodes.find(node->inode()), node);
        EXPECT_EQ(node->attributes().links, 1U);
        EXPECT_EQ(entered.node(), node);
      }
    });
  }
  for (int i = 0; i < 100; ++i) {
    for (const int until = read + 1; read < until;) std::this_thread::yield();
    // Both ways: a reader may always come in between.
    entered.tidy();
    entered.files->tree().tidy(
        1, [&](std::uint64_t bytes) { return entered.mount.store.make_unnamed(bytes); });
  }
  is_over = true;
}

}  // namespace
}  // namespace digestfs::fs
