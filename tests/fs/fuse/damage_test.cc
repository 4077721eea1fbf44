// SPDX-License-Identifier: Apache-2.0
// Cached files that are damaged, evicted or cut while they are used (promise 2).

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fuse.h>
#include <sys/file.h>

#include "base/file.h"
#include "tests/fs/fuse/errors_fixture.h"

namespace digestfs::fs {
namespace {

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
