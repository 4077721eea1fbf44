// SPDX-License-Identifier: Apache-2.0
#include "base/log_file.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/mounted.h"

namespace digestfs {
namespace {

std::string text_of(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

LogLine line(const std::string& text) {
  return {.level = LogLevel::info, .time = "2026-01-02T03:04:05.678Z", .text = text};
}

TEST(LogFile, TakesLinesWithTheirTimeBehindWhatItHolds) {
  const test::TemporaryDirectory folder;
  const auto path = folder.path() / "log";
  std::ofstream(path) << "earlier\n";
  LogFile file(path);
  file.write(line("warning: a"));
  file.write(line("error: b"));
  EXPECT_EQ(text_of(path),
            "earlier\n"
            "2026-01-02T03:04:05.678Z warning: a\n"
            "2026-01-02T03:04:05.678Z error: b\n");
}

TEST(LogFile, IsForItsOwnerAlone) {
  const test::TemporaryDirectory folder;
  const LogFile file(folder.path() / "log");
  EXPECT_EQ(std::filesystem::status(folder.path() / "log").permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST(LogFile, CanBeMovedAway) {
  const test::TemporaryDirectory folder;
  LogFile file(folder.path() / "log");
  file.write(line("info: a"));
  std::filesystem::rename(folder.path() / "log", folder.path() / "log.1");
  file.write(line("info: b"));
  file.open_again();
  file.write(line("info: c"));
  EXPECT_THAT(text_of(folder.path() / "log.1"), testing::EndsWith("info: b\n"));
  EXPECT_THAT(text_of(folder.path() / "log"), testing::EndsWith("info: c\n"));
}

TEST(LogFile, ThatCannotBeOpenedIsNamed) {
  const test::TemporaryDirectory folder;
  try {
    const LogFile file(folder.path() / "missing" / "log");
    FAIL() << "it was opened";
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("missing/log"));
  }
  // Nobody reads this fifo: opening it must not wait.
  ASSERT_EQ(::mkfifo((folder.path() / "fifo").c_str(), 0600), 0);
  EXPECT_THROW(LogFile(folder.path() / "fifo"), std::system_error);
}

TEST(LogFile, GoesOnWhenItCannotBeOpenedAgain) {
  const test::TemporaryDirectory folder;
  std::filesystem::create_directory(folder.path() / "d");
  LogFile file(folder.path() / "d" / "log");
  std::filesystem::rename(folder.path() / "d", folder.path() / "e");
  file.open_again();
  file.write(line("info: a"));
  EXPECT_THAT(text_of(folder.path() / "e" / "log"),
              testing::AllOf(testing::HasSubstr("warning: cannot open the log file"),
                             testing::EndsWith("info: a\n")));
}

}  // namespace
}  // namespace digestfs
