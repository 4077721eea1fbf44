// SPDX-License-Identifier: Apache-2.0
// What the kernel may keep: inode numbers, timeouts and the flags of open files.

#include <cerrno>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fuse.h>

#include "tests/fs/fuse/attributes_fixture.h"

namespace digestfs::fs {
namespace {

TEST(Inodes, BelongToOneContentWhateverThePath) {
  ObjectSet set;
  const auto plain = test::plain_layer({{.name = "a"}});
  const Image image = add_image(set, {plain});
  set.tag("v1", image.manifest);
  set.tag("v2", image.manifest);
  Served served;
  served.mount(set);
  served.names("tags/v1");
  const auto inode = [&](const std::string& path) { return served.kernel().walk(path); };
  EXPECT_EQ(inode("configs/" + image.config.digest.str()),
            inode("blobs/" + image.config.digest.str()));
  // An uncompressed layer is its own diff.
  EXPECT_EQ(image.layers[0].digest, image.diff_ids[0]);
  EXPECT_EQ(inode("blobs/" + image.layers[0].digest.str()),
            inode("diffs/" + image.diff_ids[0].str()));
  // A directory has one inode a path: the kernel gives it one parent.
  EXPECT_NE(inode("tags/v1"), inode("tags/v2"));
  EXPECT_NE(inode("tags/v1/layers"), inode("tags/v2/layers"));
  EXPECT_NE(inode("tags/v1/layers/00"),
            inode("images/" + image.manifest.digest.str() + "/layers/00"));
  // A listing and a lookup agree.
  for (const std::string path : {"", "tags/v1", "tags/v1/layers/00", "blobs", "configs"}) {
    for (const auto& entry : served.kernel().list(inode(path))) {
      EXPECT_EQ(entry.inode, inode(path.empty() ? entry.name : path + "/" + entry.name));
      EXPECT_EQ(entry.entry.nodeid, entry.inode);
      EXPECT_EQ(entry.entry.attr.ino, entry.inode);
    }
  }
}

TEST(Inodes, AreNeverReboundWhenATagMoves) {
  ObjectSet set;
  const auto image_of = [&set](const std::string& content, const std::string& architecture) {
    return add_image(set, {test::gzip_layer({{.name = "f", .content = content}})}, architecture);
  };
  const Image before = image_of("before", "amd64");
  const Image after = image_of("after", "arm64");
  set.tag("v1", before.manifest);
  Served served;
  MountSettings settings;
  settings.selection.tag_ttl = Clock::duration::zero();
  served.mount(set, settings);
  const std::vector<std::string> paths = {
      "tags/v1/image",     "tags/v1/manifest.json",  "tags/v1/config.json",
      "tags/v1/layers",    "tags/v1/layers/00",      "tags/v1/layers/00/blob",
      "tags/v1/platforms", "tags/v1/layers/00/diff", "tags/v1/layers/00/created_by"};
  FakeKernel& kernel = served.kernel();
  std::vector<std::uint64_t> old;
  std::set<std::uint64_t> all;
  for (const auto& path : paths) all.insert(old.emplace_back(kernel.walk(path)));
  EXPECT_EQ(all.size(), paths.size());
  std::vector<std::string> links;
  for (const auto inode : old) links.push_back(kernel.readlink(inode));
  const auto listed = kernel.list(old[3]);

  served.source.tag("v1", after.manifest);
  for (std::size_t i = 0; i < paths.size(); ++i) {
    EXPECT_TRUE(all.insert(kernel.walk(paths[i])).second) << paths[i] << " has an old inode";
    // What the kernel still holds means what it meant.
    EXPECT_EQ(kernel.readlink(old[i]), links[i]) << paths[i];
  }
  EXPECT_EQ(kernel.list(old[3]).at(0).inode, listed.at(0).inode);

  // Back again: the same content, so the same numbers.
  served.source.tag("v1", before.manifest);
  for (std::size_t i = 0; i < paths.size(); ++i) {
    EXPECT_EQ(kernel.walk(paths[i]), old[i]) << paths[i];
  }
}

TEST(Inodes, ThatWereNeverGivenOutAreStale) {
  const Fixture fixture;
  Served served;
  served.mount(fixture.set);
  fuse_getattr_in body{};
  const std::string request(reinterpret_cast<const char*>(&body), sizeof body);
  EXPECT_EQ(served.kernel().call(FUSE_GETATTR, 1'000'000, request).error, ESTALE);
  EXPECT_EQ(served.kernel().lookup(1'000'000, "x").error, ESTALE);
  EXPECT_EQ(served.kernel().wait(served.kernel().send_open(1'000'000)).error, ESTALE);
}

TEST(Timeouts, AreLongBelowADigestAndShortForWhatChanges) {
  const Fixture fixture;
  Served served;
  served.mount(fixture.set);
  served.names("tags/v1");
  open_file_of(served, fixture.blob());
  const std::string pinned = "images/" + fixture.image.manifest.digest.str();
  struct Case {
    std::string path;
    bool name_lasts;
    bool attributes_last;
  };
  const std::vector<Case> cases = {
      {"tags", true, false},
      {"images", true, false},
      {"blobs", true, false},
      {"diffs", true, false},
      {".digestfs", true, true},
      {".digestfs/problems.jsonl", true, false},
      {pinned, true, true},
      {pinned + "/manifest.json", true, true},
      {pinned + "/layers", true, true},
      {pinned + "/layers/00/created_by", true, true},
      {fixture.manifest(), true, true},
      {fixture.blob(), true, true},
      {fixture.diff(), true, false},  // a placeholder still
      {"tags/v1", false, false},
      {"tags/v1/manifest.json", false, true},
      {"tags/v1/layers", false, true},
      {"tags/v1/layers/00/blob", true, true},
  };
  for (const auto& [path, name_lasts, attributes_last] : cases) {
    const auto entry = served.entry(path);
    if (name_lasts) {
      EXPECT_GT(entry.entry_valid, kLong) << path;
    } else {
      EXPECT_LE(entry.entry_valid, 60U) << path;  // the tag's time to live
    }
    if (attributes_last) {
      EXPECT_GT(entry.attr_valid, kLong) << path;
    } else {
      EXPECT_EQ(entry.attr_valid, 0U) << path;
      EXPECT_EQ(entry.attr_valid_nsec, 0U) << path;
    }
  }
}

// Otherwise the kernel would show the old image for long after a SIGHUP.
TEST(Timeouts, OfWhatCanChangeEndWithinASecond) {
  const Fixture fixture;
  Served served;
  MountSettings settings;
  settings.selection.tag_ttl = std::chrono::hours(10);
  served.mount(fixture.set, settings);
  for (const std::string path : {"tags/v1", "tags/v1/image"}) {
    EXPECT_EQ(served.entry(path).entry_valid, 1U) << path;
  }
  for (const auto& entry : served.kernel().list(served.kernel().walk("tags/v1"))) {
    EXPECT_EQ(entry.entry.entry_valid, 1U) << entry.name;
  }
  settings.selection.tag_ttl = Clock::duration::zero();
  served.mount(settings);
  for (const std::string path : {"tags/v1", "tags/v1/image", "tags/v1/layers"}) {
    EXPECT_EQ(served.entry(path).entry_valid, 0U) << path;
    EXPECT_EQ(served.entry(path).entry_valid_nsec, 0U) << path;
  }
}

TEST(Timeouts, OfAnAbsenceAreShortWhereItCanEnd) {
  const Fixture fixture;
  Served served;
  served.mount(fixture.set);
  const auto seconds_absent = [&](const std::string& folder, const std::string& name) {
    const auto reply = served.kernel().lookup(served.kernel().walk(folder), name);
    EXPECT_EQ(reply.error, 0);
    EXPECT_EQ(reply.as<fuse_entry_out>().nodeid, 0U) << folder << "/" << name;
    return reply.as<fuse_entry_out>().entry_valid;
  };
  const std::string nowhere = "sha256:" + std::string(64, '0');
  for (const std::string folder :
       {"blobs", "configs", "diffs", "images", "indexes", "manifests", "trees"}) {
    EXPECT_LE(seconds_absent(folder, nowhere), 5U) << folder;
  }
  EXPECT_LE(seconds_absent("tags", "v2"), 5U);
  EXPECT_LE(seconds_absent("tags/v1", "files"), 5U);
  // It comes to be when the diff turns out wrong.
  EXPECT_LE(seconds_absent("tags/v1/layers/00", "diff.actual"), 5U);
  const std::string pinned = "images/" + fixture.image.manifest.digest.str();
  EXPECT_LE(seconds_absent(pinned + "/layers/00", "diff.actual"), 5U);
  EXPECT_GT(seconds_absent(pinned, "nothing"), kLong);
  EXPECT_GT(seconds_absent("", "nothing"), kLong);
}

TEST(Timeouts, ADirectoryThatGrowsShowsItByItsTime) {
  const Fixture fixture;
  Served served;
  served.mount(fixture.set);
  const auto time_of = [&](const std::string& path) {
    const auto attributes = served.attributes(path);
    return std::pair(attributes.mtime, attributes.mtimensec);
  };
  const std::vector<std::string> folders = {"images", "manifests", "configs", "blobs", "diffs"};
  std::vector<std::pair<std::uint64_t, std::uint32_t>> before;
  for (const auto& folder : folders) before.push_back(time_of(folder));
  const auto tag_before = time_of("tags/v1");
  served.names("tags/v1");
  served.names("images/" + fixture.image.manifest.digest.str());
  for (std::size_t i = 0; i < folders.size(); ++i) {
    EXPECT_GT(time_of(folders[i]), before[i]) << folders[i];
    EXPECT_EQ(time_of(folders[i]), time_of(folders[i])) << folders[i];
  }
  EXPECT_GT(time_of("tags/v1"), tag_before);
  EXPECT_EQ(time_of("tags/v1"), time_of("tags/v1"));
}

TEST(OpenFlags, KeepTheKernelsPagesOfADigest) {
  const Fixture fixture;
  Served served;
  served.mount(fixture.set);
  served.names("tags/v1");
  for (const std::string& path : {fixture.manifest(), fixture.blob(), fixture.diff(),
                                  std::string("tags/v1/layers/00/created_by")}) {
    const auto opened = open_file_of(served, path);
    EXPECT_TRUE(keeps_cache(opened)) << path;
    EXPECT_EQ(opened.open_flags & FOPEN_DIRECT_IO, 0U) << path;
  }
}

TEST(OpenFlags, KeepNothingOfTheProblems) {
  const Fixture fixture;
  Served served;
  served.mount(fixture.set);
  const std::string path = ".digestfs/problems.jsonl";
  EXPECT_EQ(served.attributes(path).size, 0U);
  const auto opened = open_file_of(served, path);
  EXPECT_FALSE(keeps_cache(opened));
  EXPECT_NE(opened.open_flags & FOPEN_DIRECT_IO, 0U);
  const auto inode = served.kernel().walk(path);

  served.source.serve_instead(fixture.image.layers[0].digest, "something else");
  served.names("tags/v1");
  EXPECT_EQ(served.read(fixture.blob()).error, EIO);
  // It grew, but what is open shows what there was; a new reader sees all of it.
  EXPECT_TRUE(served.kernel().read(inode, opened.fh, 0, 4096).body.empty());
  const auto text = served.read(path).text;
  EXPECT_EQ(served.attributes(path).size, text.size());
  EXPECT_NE(text, "");
}

TEST(OpenFlags, DropWhatTheKernelHasOfAFileThatWasDamaged) {  // promise 2
  const Fixture fixture;
  Served served;
  served.mount(fixture.set);
  served.names("tags/v1");
  const std::string good = served.read(fixture.blob()).text;
  damage(served.cached("blobs", fixture.image.layers[0].digest));
  EXPECT_FALSE(keeps_cache(open_file_of(served, fixture.blob())));
  EXPECT_EQ(served.read(fixture.blob()).text, good);
  EXPECT_TRUE(keeps_cache(open_file_of(served, fixture.blob())));
  const auto problems = served.problems("cache-damaged");
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].object, fixture.image.layers[0].digest.str());
  served.expect_sound_cache();
}

TEST(OpenFlags, DropWhatAnEarlierMountLeftDamaged) {
  const Fixture fixture;
  Served served;
  served.mount(fixture.set);
  served.names("tags/v1");
  const std::string good = served.read(fixture.diff()).text;
  served.unmount();
  damage(served.cached("diffs", fixture.image.diff_ids[0]));
  served.mount();
  served.names("tags/v1");
  EXPECT_FALSE(keeps_cache(open_file_of(served, fixture.diff())));
  EXPECT_EQ(served.read(fixture.diff()).text, good);
  served.expect_sound_cache();
}

TEST(OpenFlags, AreOfAReadOnlyFile) {
  const Fixture fixture;
  Served served;
  served.mount(fixture.set);
  FakeKernel& kernel = served.kernel();
  const auto inode = kernel.walk(fixture.manifest());
  EXPECT_EQ(kernel.wait(kernel.send_open(inode, O_WRONLY)).error, EROFS);
  EXPECT_EQ(kernel.wait(kernel.send_open(inode, O_RDWR)).error, EROFS);
  EXPECT_EQ(kernel.wait(kernel.send_open(kernel.walk("tags"))).error, EISDIR);
}

TEST(Hello, AsksForParallelLookupsAndNoOpendir) {  // design, section 5
  const Fixture fixture;
  Served served;
  served.mount(fixture.set);
  const auto flags = served.kernel().hello().flags;
  EXPECT_NE(flags & FUSE_PARALLEL_DIROPS, 0U);
  EXPECT_NE(flags & FUSE_DO_READDIRPLUS, 0U);
  EXPECT_EQ(flags & FUSE_READDIRPLUS_AUTO, 0U);
  fuse_open_in body{};
  const std::string request(reinterpret_cast<const char*>(&body), sizeof body);
  EXPECT_EQ(served.kernel().call(FUSE_OPENDIR, FUSE_ROOT_ID, request).error, ENOSYS);
}

}  // namespace
}  // namespace digestfs::fs
