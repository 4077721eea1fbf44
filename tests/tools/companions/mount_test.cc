// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/error.h"
#include "tests/tools/companions/fake_mount.h"
#include "tools/companions/mount/files.h"
#include "tools/companions/mount/image.h"
#include "tools/companions/mount/image_directory.h"
#include "tools/companions/mount/mount_table.h"
#include "tools/companions/mount/mount_watch.h"

namespace digestfs::companions {
namespace {

namespace fs = std::filesystem;

using test::FakeMount;

/// What `call` throws.
template <class Call>
std::string message_of(const Call& call) {
  try {
    static_cast<void>(call());
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

class CompanionMount : public testing::Test {
 protected:
  FakeMount mount_;
  FakeMount::Layer shared_ = FakeMount::zstd("shared diff");
  Digest amd64_ = mount_.add_image("amd64", {FakeMount::gzip("diff number 0"), shared_});
  Digest arm64_ = mount_.add_image("arm64", {FakeMount::gzip("other diff"), shared_});
  Digest index_ = mount_.add_index({{"amd64", amd64_}, {"arm64", arm64_}});
};

TEST_F(CompanionMount, FindsAnImageByTagDigestAndPlatform) {
  mount_.tag("t", index_);
  const auto by_tag = find_image(mount_.tags("t"));
  EXPECT_EQ(by_tag.digest, index_);
  EXPECT_TRUE(by_tag.is_index);
  EXPECT_EQ(by_tag.repository, fs::canonical(mount_.path()));
  const auto by_platform = find_image(mount_.tags("t") / "platforms/linux_arm64");
  EXPECT_EQ(by_platform.digest, arm64_);
  EXPECT_FALSE(by_platform.is_index);
  EXPECT_EQ(by_platform.repository, fs::canonical(mount_.path()));
}

TEST_F(CompanionMount, SaysWhatToNameInsteadOfAnIndex) {
  const std::string message = index_instead_of_image(find_image(mount_.images(index_)));
  EXPECT_NE(message.find("is an index and not an image"), std::string::npos) << message;
  EXPECT_NE(message.find("platforms/linux_amd64, "), std::string::npos) << message;
  EXPECT_NE(message.find("platforms/linux_arm64"), std::string::npos) << message;
}

TEST_F(CompanionMount, SaysWhatToNameInsteadOfARepository) {
  mount_.tag("t", index_);
  const std::string message = message_of([&] { return find_image(mount_.path()); });
  EXPECT_NE(message.find("name one of its tags: "), std::string::npos) << message;
  EXPECT_NE(message.find("mnt/tags/t"), std::string::npos) << message;
}

TEST_F(CompanionMount, RefusesWhatIsNoImage) {
  EXPECT_NE(message_of([&] { return find_image(mount_.path() / "blobs"); }).find("no image"),
            std::string::npos);
  EXPECT_NE(message_of([&] { return find_image(mount_.path() / "nothing"); }).find("there is no "),
            std::string::npos);
  // A link may name anything.
  const fs::path liar = mount_.path() / "images/liar";
  fs::create_directories(liar);
  fs::create_symlink("../../manifests/../../../etc/passwd", liar / "manifest.json");
  EXPECT_NE(message_of([&] { return find_image(liar); }).find("no image"), std::string::npos);
}

TEST_F(CompanionMount, RefusesWhatIsNoMount) {
  const fs::path other = mount_.path().parent_path() / "other";
  fs::create_directories(other);
  EXPECT_NE(message_of([&] { return find_repositories(other); }).find("is no mount of digestfs"),
            std::string::npos);
}

TEST_F(CompanionMount, ReadsManifestConfigAndLayers) {
  const Image image = read_image(find_image(mount_.images(amd64_)));
  EXPECT_EQ(image.platform(), "linux/amd64");
  ASSERT_EQ(image.layers.size(), 2U);
  EXPECT_EQ(image.layers[1].name, "01");
  EXPECT_EQ(image.layers[1].blob, digest_of(shared_.blob));
  EXPECT_EQ(image.layers[1].diff, digest_of("shared diff"));
  EXPECT_EQ(image.stored_size(),
            FakeMount::gzip("diff number 0").blob.size() + shared_.blob.size());
  // Nothing says that the sizes of the diffs are exact.
  EXPECT_EQ(image.unpacked_size(), std::nullopt);
}

TEST_F(CompanionMount, SaysWhichDocumentIsBroken) {
  const fs::path manifest = mount_.path() / "manifests" / amd64_.str();
  FakeMount::write(manifest, "<html>");
  const std::string message =
      message_of([&] { return read_image(find_image(mount_.images(amd64_))); });
  EXPECT_NE(message.find("manifest.json: it is no JSON"), std::string::npos) << message;
}

TEST_F(CompanionMount, FindsTheRepositoriesOfARegistry) {
  const fs::path top = mount_.path().parent_path() / "registry";
  for (const char* name : {"a", "a/b", "c"}) {
    for (const char* folder : {"tags", "images", "blobs"}) {
      fs::create_directories(top / name / "_" / folder);
    }
  }
  fs::create_directories(top / ".digestfs");
  const auto found = find_repositories(top);
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].path, top / "a/_");
  EXPECT_EQ(found[0].name, top.native() + "/a");
  EXPECT_EQ(found[1].name, top.native() + "/a/b");
  EXPECT_EQ(found[2].name, top.native() + "/c");
  EXPECT_EQ(mount_of(top / "a/b/_"), top);
  // A part of the mount can be named, too.
  EXPECT_EQ(find_repositories(top / "a/b").size(), 1U);
}

// A hostile image may have such directories anywhere, and as many as it likes.
TEST_F(CompanionMount, LooksForNoRepositoriesInAnImage) {
  const fs::path rootfs = mount_.images(amd64_) / "rootfs";
  for (const char* folder : {"tags", "images", "blobs", "usr", "a/_/tags"}) {
    fs::create_directories(rootfs / folder);
  }
  for (const fs::path& path :
       {rootfs, rootfs / "usr", mount_.images(amd64_), rootfs / "a", mount_.path() / "tags"}) {
    EXPECT_NE(message_of([&] {
                return find_repositories(path);
              }).find(" is inside of the repository " + fs::canonical(mount_.path()).native()),
              std::string::npos)
        << path;
  }
  EXPECT_EQ(find_repositories(mount_.path()).size(), 1U);
}

TEST_F(CompanionMount, IsReadByDigestOnceATagIsKnown) {
  mount_.tag("t", index_);
  const auto by_tag = by_digest(find_image(mount_.tags("t")));
  EXPECT_EQ(by_tag.path, mount_.tags("t"));
  EXPECT_EQ(by_tag.place, fs::canonical(mount_.path()) / "images" / index_.str());
  fs::remove_all(mount_.images(index_));
  EXPECT_EQ(by_digest(find_image(mount_.tags("t"))).place, mount_.tags("t"));
}

TEST_F(CompanionMount, HasEndedWhenItsDirectoryIsGoneOrOnAnotherDevice) {
  const MountWatch watch(mount_.path());
  EXPECT_FALSE(watch.has_ended());
  const fs::path aside = mount_.path().parent_path() / "aside";
  fs::rename(mount_.path(), aside);
  EXPECT_TRUE(watch.has_ended());
  fs::create_symlink("/proc", mount_.path());
  EXPECT_TRUE(watch.has_ended());
  fs::remove(mount_.path());
  fs::rename(aside, mount_.path());
  EXPECT_FALSE(watch.has_ended());
}

TEST(MountFiles, AreNotWaitedForWhereTheyAreNone) {
  const test::TemporaryDirectory directory;
  const fs::path fifo = directory.path() / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_NE(message_of([&] { return read_text(fifo, 10); }).find("it is no file"),
            std::string::npos);
}

TEST(MountFiles, OverALimitAreRefused) {
  const test::TemporaryDirectory directory;
  FakeMount::write(directory.path() / "file", "12345");
  EXPECT_EQ(read_text(directory.path() / "file", 5), "12345");
  EXPECT_THROW(static_cast<void>(read_text(directory.path() / "file", 4)), Error);
}

TEST(MountFiles, SayInWordsWhatTheKernelMeans) {
  const auto message = [](int problem) {
    return message_of([&]() -> int { throw_mount_error("read", "/mnt/tags/t", problem); });
  };
  EXPECT_EQ(message(ENOTCONN),
            "cannot read /mnt/tags/t: the digestfs of this mount has ended (Transport endpoint is "
            "not connected)");
  EXPECT_NE(message(ETIMEDOUT).find("does not answer"), std::string::npos);
}

TEST(MountTable, TellsTheSourceOfAMount) {
  const std::string table =
      "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
      "42 27 0:39 / /home/me/my\\040mnt ro,nosuid shared:3 - fuse.digestfs quay.io/a/b ro\n"
      "43 27 0:40 / /mnt ro - fuse.sshfs host: ro\n"
      "44 27\n";
  EXPECT_EQ(source_of_mount(table, "/home/me/my mnt"), "quay.io/a/b");
  EXPECT_EQ(source_of_mount(table, "/mnt"), std::nullopt);
  EXPECT_EQ(source_of_mount("", "/mnt"), std::nullopt);
}

}  // namespace
}  // namespace digestfs::companions
