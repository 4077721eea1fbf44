// SPDX-License-Identifier: Apache-2.0
#include "cache/disk/directory.h"

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "cache/store.h"
#include "tests/support/cache_folder.h"
#include "tests/support/child.h"

namespace digestfs::cache {
namespace {

namespace fs = std::filesystem;
using test::Child;
using test::content;
using test::keep;
using test::mode_of;
using test::plant;
using test::put_in_the_way;

using DirectoryTest = test::CacheFolder;

TEST_F(DirectoryTest, MakesAFolderForItsUserAlone) {
  const Store store(path(), {});
  EXPECT_EQ(mode_of(path()), 0700U);
  for (const char* folder :
       {"blobs", "diffs", "partial", "used", "sums", "trees", "layers", "tags"}) {
    EXPECT_EQ(mode_of(path() / folder), 0700U) << folder;
  }
}

TEST_F(DirectoryTest, MakesAFolderForItsUserAloneAlsoByANameThatEndsInASlash) {
  const Store store(path() / "", {});
  EXPECT_EQ(mode_of(path()), 0700U);
}

TEST_F(DirectoryTest, RefusesWhatIsNoFolder) {
  plant(path(), "a file");
  EXPECT_THROW(Store(path(), {}), std::system_error);
  EXPECT_THROW(Store(path() / "below", {}), std::system_error);
}

TEST_F(DirectoryTest, UsesAFolderBelowTheCurrentOne) {
  Child child([&] {
    if (::chdir(directory_.path().c_str()) != 0) ::_exit(98);
    static_cast<void>(keep(Store("cache", {}), "content"));
  });
  EXPECT_EQ(child.join(), 0);
  EXPECT_TRUE(fs::exists(path("blobs", digest_of("content"))));
}

TEST_F(DirectoryTest, RefusesAFolderItCannotWriteTo) {
  fs::create_directories(path());
  fs::permissions(path(), fs::perms::owner_read | fs::perms::owner_exec);
  Child child([&] {
    become_nobody({path()});
    try {
      const Store store(path(), {});
    } catch (const std::system_error& error) {
      ::_exit(std::string_view(error.what()).find("Permission denied") != std::string_view::npos
                  ? 0
                  : 1);
    }
    ::_exit(2);
  });
  EXPECT_EQ(child.join(), 0);
}

TEST_F(DirectoryTest, RefusesAFolderOfSomebodyElse) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can be two users";
  fs::create_directories(path());
  fs::permissions(path(), fs::perms::all);
  Child child([&] {
    become_nobody({});
    try {
      const Store store(path(), {});
    } catch (const std::system_error& error) {
      ::_exit(error.code().value() == EPERM ? 0 : 1);
    }
    ::_exit(2);
  });
  EXPECT_EQ(child.join(), 0);
}

// Links on the way would let another user choose the folder that root writes to.
TEST_F(DirectoryTest, RefusesALinkOfSomebodyElse) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can be two users";
  fs::create_directory(directory_.path() / "target");
  fs::create_directory_symlink(directory_.path() / "target", directory_.path() / "link");
  EXPECT_NO_THROW(Directory(directory_.path() / "link"));
  EXPECT_NO_THROW(Directory(directory_.path() / "link/below"));
  ASSERT_EQ(::lchown((directory_.path() / "link").c_str(), 65534, 65534), 0);
  EXPECT_THROW(Directory(directory_.path() / "link"), std::system_error);
  EXPECT_THROW(Directory(directory_.path() / "link/below"), std::system_error);
}

TEST_F(DirectoryTest, RefusesAFolderOfSomebodyElseAlsoForRoot) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can be two users";
  fs::create_directory(path());
  ASSERT_EQ(::chown(path().c_str(), 65534, 65534), 0);
  EXPECT_THROW(Directory{path()}, std::system_error);
}

// The folders above it were made 0777 with this umask.
TEST_F(DirectoryTest, MakesTheFoldersAboveItForItsUserAlone) {
  Child child([&] {
    ::umask(0);
    const Directory directory(path() / "a/b");
  });
  EXPECT_EQ(child.join(), 0);
  for (const char* name : {"", "a", "a/b"}) EXPECT_EQ(mode_of(path() / name), 0700U) << name;
}

TEST_F(DirectoryTest, WarnsOfAFolderThatOthersCanWriteTo) {
  fs::create_directory(path());
  fs::permissions(path(), fs::perms::owner_all | fs::perms::others_all);
  testing::internal::CaptureStderr();
  EXPECT_NO_THROW(Directory{path()});
  EXPECT_NE(testing::internal::GetCapturedStderr().find("other users may write"),
            std::string::npos);
}

TEST_F(DirectoryTest, OpensRegularFilesOnly) {
  const Directory directory(path());
  plant(path() / "folder/file", "text");
  EXPECT_TRUE(directory.open("folder/file"));
  EXPECT_FALSE(directory.open("folder/missing"));
  EXPECT_FALSE(directory.open("missing/file"));
  EXPECT_FALSE(directory.open("folder/file/below"));
  for (const char* what : {"folder", "link", "fifo"}) {
    put_in_the_way(path() / "way" / what, what);
    EXPECT_FALSE(directory.open(str_cat("way/", what))) << what;
  }
}

TEST_F(DirectoryTest, MovesAsideWhatIsInTheWayOfAFile) {
  const Directory directory(path());
  for (const char* what : {"folder", "full folder", "link", "fifo"}) {
    for (const char* kept : {".aside", ".aside.1"}) {
      const std::string name = str_cat("way/", what);
      put_in_the_way(path() / name, what);
      write_all(directory.make(name).get(), as_bytes("ours"));
      EXPECT_EQ(test::slurp(path() / name), "ours");
      EXPECT_TRUE(fs::exists(fs::symlink_status((path() / name).native() + kept))) << name << kept;
      fs::remove(path() / name);
    }
  }
}

TEST_F(DirectoryTest, MovesAsideWhatIsInTheWayOfAFolder) {
  const Directory directory(path());
  for (const char* what : {"file", "link", "fifo"}) {
    put_in_the_way(path() / what, what);
    write_all(directory.make(str_cat(what, "/a/b")).get(), as_bytes("ours"));
    EXPECT_EQ(test::slurp(path() / what / "a/b"), "ours");
    EXPECT_TRUE(fs::exists(fs::symlink_status(path() / str_cat(what, ".aside")))) << what;
  }
}

// As root in a folder that somebody else can write to: links redirect neither renames nor removals.
TEST_F(DirectoryTest, LeavesWhatALinkLeadsTo) {
  const Directory directory(path());
  const fs::path outside = directory_.path() / "outside";
  plant(outside / "precious", "precious");
  fs::create_directory_symlink(outside, path() / "blobs");
  EXPECT_FALSE(directory.open("blobs/precious"));
  EXPECT_FALSE(directory.status("blobs/precious"));
  EXPECT_TRUE(directory.names_in("blobs").empty());
  static_cast<void>(directory.remove("blobs/precious"));
  static_cast<void>(directory.make("ours"));
  directory.rename("ours", "blobs/precious");
  EXPECT_EQ(test::slurp(outside / "precious"), "precious");
  EXPECT_EQ(test::slurp(path() / "blobs/precious"), "");
}

TEST_F(DirectoryTest, SaysThatSomethingIsInTheWayThatCannotBeMoved) {
  Child child([&] {
    fs::create_directories(path() / "blobs/name");
    fs::permissions(path() / "blobs", fs::perms::owner_read | fs::perms::owner_exec);
    become_nobody({path(), path() / "blobs", path() / "blobs/name"});
    const Directory directory(path());
    try {
      static_cast<void>(directory.make("blobs/name"));
    } catch (const std::system_error& error) {
      const bool says_why =
          std::string_view(error.what()).find("in the way") != std::string_view::npos;
      ::_exit(error.code().value() == EIO && says_why ? 0 : 1);
    }
    ::_exit(2);
  });
  EXPECT_EQ(child.join(), 0);
}

}  // namespace
}  // namespace digestfs::cache
