// SPDX-License-Identifier: Apache-2.0
#include "registry/local/archive/archive_file.h"

#include <cstdlib>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/text.h"
#include "tests/registry/local/local_fixture.h"
#include "tests/support/tar_builder.h"

namespace digestfs::registry {
namespace {

using test::failure_of;
using test::mentions;

class ArchiveFileTest : public testing::Test {
 protected:
  [[nodiscard]] std::filesystem::path path() const { return directory_.path() / "archive.tar"; }
  void write(std::string_view bytes) const { test::write_file(path(), bytes); }
  [[nodiscard]] ArchiveFile archive() const { return {"some-archive:", path()}; }
  [[nodiscard]] test::Failure failure() const {
    auto failure = failure_of([&] { static_cast<void>(archive()); });
    EXPECT_TRUE(mentions(failure.text, "some-archive:" + path().native())) << failure.text;
    return failure;
  }
  [[nodiscard]] static std::string text(const ArchiveFile& archive, const std::string& name) {
    const auto member = archive.index().find(name);
    return member ? archive.text(*member, SIZE_MAX) : "no such member";
  }

 private:
  test::TemporaryDirectory directory_;
};

/// Sets a variable of the environment for a while.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() {
    if (before_) {
      ::setenv(name_, before_->c_str(), 1);
    } else {
      ::unsetenv(name_);
    }
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

TEST_F(ArchiveFileTest, ReadsATarHoweverItIsCompressed) {
  const std::string large = test::noise(1'000'003);
  const std::string tar = test::tar({{"a", "text"}, {"folder/", "", '5'}, {"b", large}, {"c", ""}});
  const std::vector<std::string> ways = {
      tar, test::gzip(tar), test::zstd(tar),
      test::gzip(tar.substr(0, 700)) + test::gzip(tar.substr(700)),
      tar.substr(0, tar.size() - 1024)};  // the end may be missing (TAR-2)
  for (const std::string& bytes : ways) {
    write(bytes);
    const ArchiveFile archive = this->archive();
    EXPECT_EQ(text(archive, "a"), "text");
    EXPECT_TRUE(text(archive, "b") == large);
    EXPECT_EQ(text(archive, "c"), "");
    EXPECT_EQ(text(archive, "folder"), "no such member");
  }
}

TEST_F(ArchiveFileTest, IsNamedByItsPath) {
  write(test::tar({}));
  EXPECT_EQ(archive().name(), "some-archive:" + path().native());
  EXPECT_EQ(ArchiveFile("x:", path().parent_path() / "./y/../archive.tar").name(),
            "x:" + path().native());
}

TEST_F(ArchiveFileTest, IsNotFoundWithoutARegularFile) {
  EXPECT_EQ(failure().code, Errc::not_found);
  std::filesystem::create_directory(path());
  EXPECT_EQ(failure().code, Errc::not_found);
  std::filesystem::remove(path());
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  EXPECT_EQ(failure().code, Errc::not_found);  // and nobody waits for its writer
}

TEST_F(ArchiveFileTest, S2SaysThatItIsCutOff) {
  const std::string tar = test::tar({{"a", test::noise(5000)}, {"b", test::noise(5000)}});
  const std::string gzip = test::gzip(tar);
  const std::string zstd = test::zstd(tar);
  for (const std::string& bytes :
       {tar.substr(0, 100), tar.substr(0, 3000), tar.substr(0, 5632 + 600), gzip.substr(0, 5),
        gzip.substr(0, gzip.size() / 2), gzip.substr(0, gzip.size() - 1),
        zstd.substr(0, zstd.size() / 2), test::gzip(tar.substr(0, 3000))}) {
    write(bytes);
    const auto failure = this->failure();
    EXPECT_EQ(failure.code, Errc::corrupt) << bytes.size();
    EXPECT_TRUE(mentions(failure.text, "ends")) << failure.text;
  }
}

TEST_F(ArchiveFileTest, IsRefusedIfItIsNoTar) {
  const std::string text(2000, 'x');
  for (const std::string& bytes : {text, test::gzip(text), test::zstd(text)}) {
    write(bytes);
    EXPECT_EQ(failure().code, Errc::corrupt);
  }
}

TEST_F(ArchiveFileTest, NamesTheCompressionThatItCannotRead) {
  write(
      std::string("\xfd"
                  "7zXZ\0\0\0\0",
                  9));
  EXPECT_EQ(failure().code, Errc::unsupported);
  EXPECT_TRUE(mentions(failure().text, "compressed with xz")) << failure().text;
  write("BZh91AY");
  EXPECT_EQ(failure().code, Errc::unsupported);
  EXPECT_TRUE(mentions(failure().text, "compressed with bzip2")) << failure().text;
}

TEST_F(ArchiveFileTest, S2RefusesABomb) {
  const std::string header = test::TarBlockBuilder("a", '0', std::uint64_t{8} << 30U).block();
  std::string bomb = test::zstd(header);
  const std::string zeros = test::zstd(std::string(std::size_t{16} << 20U, '\0'));
  for (int i = 0; i < 20; ++i) bomb += zeros;
  write(bomb);
  EXPECT_EQ(failure().code, Errc::too_large);
  EXPECT_TRUE(mentions(failure().text, "makes more than 268435456 bytes")) << failure().text;
}

TEST_F(ArchiveFileTest, DecompressesIntoAFileThatHasNoName) {
  test::TemporaryDirectory temporary;
  const Variable variable("TMPDIR", temporary.path());
  write(test::gzip(test::tar({{"a", "text"}})));
  const ArchiveFile archive = this->archive();
  EXPECT_TRUE(std::filesystem::is_empty(temporary.path()));
  EXPECT_EQ(text(archive, "a"), "text");
}

TEST_F(ArchiveFileTest, SaysThatThereIsNoPlaceToDecompress) {
  const Variable variable("TMPDIR", path().native() + "/missing");
  write(test::gzip(test::tar({{"a", "text"}})));
  try {
    static_cast<void>(archive());
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_TRUE(mentions(error.what(), path().native() + "/missing")) << error.what();
  }
  write(test::tar({{"a", "text"}}));  // which needs no such place
  EXPECT_EQ(text(archive(), "a"), "text");
}

TEST_F(ArchiveFileTest, SaysThatItCannotReadASparseMember) {
  write(test::sparse_file("a", "text", 8192) + test::tar_end());
  const ArchiveFile archive = this->archive();
  const auto member = archive.index().find("a");
  ASSERT_TRUE(member);
  EXPECT_EQ(member->size, 8192U);
  const auto failure = failure_of([&] { static_cast<void>(archive.text(*member, SIZE_MAX)); });
  EXPECT_EQ(failure.code, Errc::unsupported);
  EXPECT_TRUE(mentions(failure.text, "sparse")) << failure.text;
  EXPECT_EQ(failure_of([&] { static_cast<void>(archive.part(*member)); }).code, Errc::unsupported);
}

TEST_F(ArchiveFileTest, ReadsAHundredThousandMembers) {
  std::string tar;
  for (int i = 0; i < 100'000; ++i)
    tar += test::tar_file(str_cat("file", i), i % 2 == 0 ? "x" : "");
  tar += test::tar_end();
  for (const std::string& bytes : {tar, test::zstd(tar)}) {
    write(bytes);
    const ArchiveFile archive = this->archive();
    EXPECT_EQ(text(archive, "file0"), "x");
    EXPECT_EQ(text(archive, "file99998"), "x");
    EXPECT_EQ(text(archive, "file99999"), "");
  }
}

TEST_F(ArchiveFileTest, BoundsATextThatIsRead) {
  write(test::tar({{"a", "text"}}));
  const ArchiveFile archive = this->archive();
  const auto member = archive.index().find("a");
  ASSERT_TRUE(member);
  EXPECT_EQ(archive.text(*member, 4), "text");
  EXPECT_EQ(failure_of([&] { static_cast<void>(archive.text(*member, 3)); }).code, Errc::too_large);
}

}  // namespace
}  // namespace digestfs::registry
