// SPDX-License-Identifier: Apache-2.0
// What a mount shows of trees that an earlier mount has kept (promises 1 to 3).

#include <array>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/clock.h"
#include "tests/support/served.h"

namespace digestfs::fs {
namespace {

using test::Image;
using test::ObjectSet;
using test::Served;
using Names = std::set<std::string>;

constexpr std::size_t kBig = 2'000'000;

/// An image of two layers that a mount was entered of, and that is mounted again.
class LaterMount : public testing::Test {
 protected:
  LaterMount() {
    set_.tag("v1", image_.manifest);
    served_.mount(set_);
    expect_all();
    problems_ = problem_texts();
    served_.unmount();
  }

  void expect_all() {
    EXPECT_EQ(served_.names("tags/v1/rootfs"), (Names{"big", "f", "h", "l", "d"}));
    EXPECT_EQ(served_.names("tags/v1/layers/00/tree"), (Names{"big", "f", "h", "bad"}));
    EXPECT_EQ(served_.read("tags/v1/rootfs/big").text, big_);
    EXPECT_EQ(served_.read("tags/v1/rootfs/f").text, "content");
    EXPECT_EQ(served_.link("tags/v1/rootfs/l"), "f");
    EXPECT_EQ(served_.attributes("tags/v1/rootfs/h").nlink, 2U);
    EXPECT_EQ(served_.read("tags/v1/rootfs/d/e").text, "upper");
  }

  std::set<std::string> problem_texts() {
    std::set<std::string> texts;
    for (const auto& line : served_.problems()) texts.insert(line.object + ": " + line.detail);
    return texts;
  }

  [[nodiscard]] std::filesystem::path cached(const std::string& folder, std::size_t layer) const {
    return served_.cached(folder, image_.diff_ids.at(layer));
  }

  static void overwrite(const std::filesystem::path& file, std::size_t offset) {
    namespace stdfs = std::filesystem;
    test::await_tick(file);
    stdfs::permissions(file, stdfs::perms(0644));
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(offset));
    const int byte = stream.get();
    stream.seekp(static_cast<std::streamoff>(offset));
    stream.put(static_cast<char>(byte ^ 0x20));
  }

  std::string big_ = test::noise(kBig);
  ObjectSet set_;
  Image image_ =
      add_image(set_, {test::gzip_layer({{.name = "big", .content = big_},
                                         {.name = "f", .content = "content"},
                                         {.name = "h", .type = '1', .link = "f"},
                                         {.name = "bad", .type = '1', .link = "missing"}}),
                       test::gzip_layer({{.name = "l", .type = '2', .link = "f"},
                                         {.name = "d/e", .content = "upper"},
                                         {.name = ".wh.bad"}})});
  Served served_;
  std::set<std::string> problems_;
};

TEST_F(LaterMount, ShowsTheSame) {
  served_.mount(set_);
  expect_all();
  EXPECT_EQ(problem_texts(), problems_);
  EXPECT_FALSE(problems_.empty());
  EXPECT_EQ(served_.source.fetches(image_.layers[0].digest), 1U);
  served_.expect_sound_cache();
}

TEST_F(LaterMount, B2EntersWithoutReadingTheTars) {
  overwrite(cached("diffs", 0), 100);  // the header of the first file
  served_.mount(set_);
  EXPECT_EQ(served_.names("tags/v1/rootfs"), (Names{"big", "f", "h", "l", "d"}));
  EXPECT_EQ(problem_texts(), problems_);
  EXPECT_EQ(served_.xattr("diffs/" + image_.diff_ids[0].str(), "user.digestfs.state"), "cached");
}

TEST_F(LaterMount, B2ReadsFilesWhoseBlocksAreGoodAndFetchesWhatIsDamaged) {
  overwrite(cached("diffs", 0), 1'000'000);
  served_.mount(set_);
  const auto node = served_.kernel().walk("tags/v1/rootfs/f");
  EXPECT_EQ(served_.read("tags/v1/rootfs/f").text, "content") << "in another block";
  EXPECT_TRUE(served_.problems("cache-damaged").empty());
  const auto first = served_.read("tags/v1/rootfs/big");
  EXPECT_NE(first.error, 0) << "an open file keeps its damaged tar, and has no bytes of it";
  EXPECT_EQ(served_.read("tags/v1/rootfs/big").text, big_);
  ASSERT_EQ(served_.problems("cache-damaged").size(), 1U);
  EXPECT_EQ(served_.problems("cache-damaged")[0].object, image_.diff_ids[0].str());
  EXPECT_EQ(served_.kernel().walk("tags/v1/rootfs/f"), node) << "an inode is one content for ever";
  served_.expect_sound_cache();
}

TEST_F(LaterMount, B2MakesATreeAnewWhateverByteOfTheKeptOneIsAnother) {
  for (const std::size_t layer : {std::size_t{0}, std::size_t{1}}) {
    const std::string kept = test::slurp(cached("trees", layer));
    for (std::size_t at = 0; at < kept.size(); at += kept.size() / 9) {
      SCOPED_TRACE(at);
      overwrite(cached("trees", layer), at);
      served_.mount(set_);
      expect_all();
      ASSERT_EQ(served_.problems("cache-damaged").size(), 1U);
      EXPECT_EQ(served_.problems("cache-damaged")[0].object, image_.diff_ids[layer].str());
      EXPECT_NE(served_.problems("cache-damaged")[0].detail.find("tree"), std::string::npos);
      served_.unmount();
      EXPECT_EQ(test::slurp(cached("trees", layer)), kept);
    }
  }
}

TEST_F(LaterMount, B2ReadsOnlyHeadersWhereNoTreeIsKept) {
  for (const std::size_t layer : {std::size_t{0}, std::size_t{1}}) {
    std::filesystem::remove(cached("trees", layer));
  }
  overwrite(cached("diffs", 0), 1'000'000);
  served_.mount(set_);
  EXPECT_EQ(served_.names("tags/v1/rootfs"), (Names{"big", "f", "h", "l", "d"}));
  EXPECT_EQ(problem_texts(), problems_);
  EXPECT_TRUE(std::filesystem::exists(cached("trees", 0)));
  served_.unmount();
  // A header that is not what it was is not believed.
  std::filesystem::remove(cached("trees", 0));
  overwrite(cached("diffs", 0), 0);
  served_.mount(set_);
  expect_all();
  EXPECT_EQ(served_.problems("cache-damaged").size(), 1U);
  served_.expect_sound_cache();
}

TEST_F(LaterMount, TakesNoTreeOfATarOfAnotherSize) {
  namespace stdfs = std::filesystem;
  stdfs::permissions(cached("diffs", 0), stdfs::perms(0644));
  stdfs::resize_file(cached("diffs", 0), kBig);
  served_.mount(set_);
  expect_all();
  EXPECT_EQ(served_.problems("cache-damaged").size(), 1U);
  served_.expect_sound_cache();
}

TEST_F(LaterMount, GoesOnWithoutTheFoldersOfSumsAndTrees) {
  std::filesystem::remove_all(served_.cache() / "sums");
  std::filesystem::remove_all(served_.cache() / "trees");
  served_.mount(set_);
  expect_all();
  EXPECT_EQ(problem_texts(), problems_);
  EXPECT_TRUE(std::filesystem::exists(cached("trees", 0)));
  EXPECT_TRUE(std::filesystem::exists(cached("sums", 0)));
}

/// Gives up, for the thread that calls it, what lets root write where no mode allows it.
void become_bound_by_modes() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> sets{};
  ASSERT_EQ(::syscall(SYS_capget, &header, sets.data()), 0);
  sets[0].effective &= ~(1U << CAP_DAC_OVERRIDE);
  ASSERT_EQ(::syscall(SYS_capset, &header, sets.data()), 0);
}

TEST(LaterMountOfManyFiles, ReadsALargeTreeInAFlight) {
  std::vector<test::TarEntry> entries;
  Names names;
  for (int i = 0; i < 16'000; ++i) {
    const std::string name = "file-" + std::to_string(i);
    entries.push_back({.name = "d/" + name});
    names.insert(name);
  }
  ObjectSet set;
  const Image image = add_image(set, {test::gzip_layer(entries)});
  set.tag("v1", image.manifest);
  Served served;
  served.mount(set);
  EXPECT_EQ(served.names("tags/v1/layers/00/tree/d"), names);
  const auto kept = served.cached("trees", image.diff_ids[0]);
  ASSERT_GT(std::filesystem::file_size(kept), std::size_t{1} << 20U) << "more than is read at once";
  const std::string bytes = test::slurp(kept);
  served.mount(set);
  EXPECT_EQ(served.names("tags/v1/layers/00/tree/d"), names);
  EXPECT_EQ(served.xattr("diffs/" + image.diff_ids[0].str(), "user.digestfs.state"), "cached");
  served.unmount();
  std::filesystem::resize_file(kept, bytes.size() - 1);
  served.mount(set);
  EXPECT_EQ(served.names("tags/v1/rootfs/d"), names);
  EXPECT_EQ(test::slurp(kept), bytes) << "made anew";
  ASSERT_EQ(served.problems().size(), 1U);
  EXPECT_EQ(served.problems()[0].object, image.diff_ids[0].str());
  served.unmount();
  // It was read again and again.
  std::filesystem::resize_file(kept, bytes.size() - 1);
  const std::filesystem::path folder = kept.parent_path();
  std::filesystem::permissions(folder, std::filesystem::perms(0500));
  std::thread([&] {
    // The threads that this one starts have no more capabilities than it has.
    become_bound_by_modes();
    served.mount(set);
    EXPECT_EQ(served.names("tags/v1/rootfs/d"), names);
    EXPECT_EQ(served.problems().size(), 1U);
    served.unmount();
  }).join();
  std::filesystem::permissions(folder, std::filesystem::perms(0700));
  EXPECT_EQ(std::filesystem::file_size(kept), bytes.size() - 1) << "it could be removed";
}

}  // namespace
}  // namespace digestfs::fs
