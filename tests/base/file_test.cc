// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <array>
#include <cerrno>
#include <string>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "tests/support/mounted.h"

namespace digestfs {
namespace {

class File : public testing::Test {
 protected:
  [[nodiscard]] std::filesystem::path path(const std::string& name) const {
    return directory_.path() / name;
  }
  [[nodiscard]] UniqueFd with(const std::string& text) const {
    UniqueFd file = open_file(AT_FDCWD, path("f"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    write_all(file.get(), as_bytes(text));
    ::lseek(file.get(), 0, SEEK_SET);
    return file;
  }

 private:
  test::TemporaryDirectory directory_;
};

int errno_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const std::system_error& error) {
    return error.code().value();
  }
  return 0;
}

TEST_F(File, IsOpenedToBeClosedOnExec) {
  const UniqueFd file = open_file(AT_FDCWD, path("new"), O_RDWR | O_CREAT, 0640);
  EXPECT_NE(::fcntl(file.get(), F_GETFD) & FD_CLOEXEC, 0);
  struct stat status {};
  ASSERT_EQ(::fstat(file.get(), &status), 0);
  EXPECT_EQ(status.st_mode & 0700U, 0600U);
}

TEST_F(File, IsOpenedRelativeToADirectory) {
  static_cast<void>(with("text"));
  const UniqueFd directory = open_file(AT_FDCWD, path(""), O_RDONLY | O_DIRECTORY);
  const UniqueFd file = open_file(directory.get(), "f", O_RDONLY);
  EXPECT_EQ(read_rest(file.get(), 100), "text");
}

TEST_F(File, ThatIsMissingIsASystemErrorWithItsName) {
  try {
    static_cast<void>(open_file(AT_FDCWD, path("missing"), O_RDONLY));
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
    EXPECT_NE(std::string(error.what()).find("missing"), std::string::npos);
  }
}

TEST_F(File, IsReadAtAnOffsetAsFarAsItGoes) {
  const UniqueFd file = with("0123456789");
  std::array<std::byte, 4> buffer{};
  EXPECT_EQ(read_at(file.get(), buffer, 3), 4U);
  EXPECT_EQ(as_text(buffer), "3456");
  EXPECT_EQ(read_at(file.get(), buffer, 8), 2U);
  EXPECT_EQ(as_text(buffer).substr(0, 2), "89");
  EXPECT_EQ(read_at(file.get(), buffer, 10), 0U);
  EXPECT_EQ(read_at(file.get(), buffer, 1000), 0U);
  EXPECT_EQ(read_at(file.get(), {}, 0), 0U);
}

TEST_F(File, IsReadBeyondFourGigabytes) {
  const UniqueFd file = with("");
  constexpr std::uint64_t kFar = (std::uint64_t{5} << 30U) + 7;
  ASSERT_EQ(::pwrite(file.get(), "end", 3, static_cast<off_t>(kFar)), 3);
  std::array<std::byte, 8> buffer{};
  EXPECT_EQ(read_at(file.get(), buffer, kFar), 3U);
  EXPECT_EQ(as_text(buffer).substr(0, 3), "end");
}

TEST_F(File, SaysWhyItCannotBeReadOrWritten) {
  std::array<std::byte, 4> buffer{};
  const UniqueFd read_only = open_file(AT_FDCWD, "/dev/null", O_RDONLY);
  const UniqueFd write_only = open_file(AT_FDCWD, "/dev/null", O_WRONLY);
  EXPECT_EQ(errno_of([&] { write_all(read_only.get(), buffer); }), EBADF);
  EXPECT_EQ(errno_of([&] { static_cast<void>(read_at(write_only.get(), buffer, 0)); }), EBADF);
  EXPECT_EQ(errno_of([&] { static_cast<void>(read_rest(write_only.get(), 9)); }), EBADF);
  const UniqueFd full = open_file(AT_FDCWD, "/dev/full", O_WRONLY);
  EXPECT_EQ(errno_of([&] { write_all(full.get(), buffer); }), ENOSPC);
}

TEST_F(File, TakesAllBytesWhereAWriteIsShort) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd out(ends[0]);
  UniqueFd in(ends[1]);
  // More than any pipe holds, so that the write goes piece by piece.
  std::string text(3'000'000, ' ');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i % 23);
  std::string got;
  std::jthread reader([&] { got = read_rest(out.get(), text.size()); });
  write_all(in.get(), as_bytes(text));
  in = UniqueFd();
  reader.join();
  EXPECT_TRUE(got == text);
}

TEST_F(File, RestIsFromTheCurrentPositionToTheEnd) {
  const UniqueFd file = with("0123456789");
  ::lseek(file.get(), 4, SEEK_SET);
  EXPECT_EQ(read_rest(file.get(), 6), "456789");
  EXPECT_EQ(read_rest(file.get(), 6), "");
}

TEST_F(File, M6RestHasALimit) {
  const UniqueFd file = with(std::string(200'000, 'x'));
  EXPECT_EQ(read_rest(file.get(), 200'000).size(), 200'000U);
  for (const std::size_t limit : {std::size_t{0}, std::size_t{199'999}}) {
    ::lseek(file.get(), 0, SEEK_SET);
    try {
      static_cast<void>(read_rest(file.get(), limit));
      FAIL() << limit;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::too_large);
    }
  }
}

TEST_F(File, M6RestOfSomethingEndlessStopsAtTheLimit) {
  const UniqueFd zero = open_file(AT_FDCWD, "/dev/zero", O_RDONLY);
  EXPECT_THROW(static_cast<void>(read_rest(zero.get(), 1'000'000)), Error);
}

TEST(Handle, ClosesWhatItOwnsOnce) {
  UniqueFd file = open_file(AT_FDCWD, "/dev/null", O_RDONLY);
  const int number = file.get();
  UniqueFd moved = std::move(file);
  EXPECT_FALSE(file);  // NOLINT(bugprone-use-after-move): it must be empty
  EXPECT_EQ(moved.get(), number);
  moved = UniqueFd();
  EXPECT_EQ(::fcntl(number, F_GETFD), -1);
  EXPECT_FALSE(moved);
  UniqueFd last = open_file(AT_FDCWD, "/dev/null", O_RDONLY);
  const int released = last.release();
  EXPECT_FALSE(last);
  EXPECT_EQ(::close(released), 0);
}

TEST_F(File, IsOpenedOnlyIfItIsRegular) {
  static_cast<void>(with("text"));
  std::filesystem::create_directory(path("folder"));
  std::filesystem::create_symlink(path("f"), path("link"));
  std::filesystem::create_symlink(path("folder"), path("link_to_folder"));
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  const auto opens = [&](const char* name, Links links) {
    return open_regular(AT_FDCWD, path(name), links).has_value();
  };
  for (const Links links : {Links::followed, Links::refused}) {
    EXPECT_TRUE(opens("f", links));
    for (const char* name : {"missing", "f/below", "folder", "fifo", "link_to_folder"}) {
      EXPECT_FALSE(opens(name, links)) << name;
    }
  }
  EXPECT_TRUE(opens("link", Links::followed));
  EXPECT_FALSE(opens("link", Links::refused));
}

TEST(Errors, HaveAWordForEachCode) {
  EXPECT_EQ(to_string(Errc::not_found), "not-found");
  EXPECT_EQ(to_string(Errc::denied), "denied");
  EXPECT_EQ(to_string(Errc::rate_limited), "rate-limited");
  EXPECT_EQ(to_string(Errc::unavailable), "unavailable");
  EXPECT_EQ(to_string(Errc::timed_out), "timed-out");
  EXPECT_EQ(to_string(Errc::corrupt), "corrupt");
  EXPECT_EQ(to_string(Errc::too_large), "too-large");
  EXPECT_EQ(to_string(Errc::unsupported), "unsupported");
  EXPECT_EQ(to_string(Errc::interrupted), "interrupted");
}

}  // namespace
}  // namespace digestfs
