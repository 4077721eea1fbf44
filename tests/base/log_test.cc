// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace digestfs {
namespace {

/// Sets the level back at the end; it is the one global of the program.
class Log : public testing::Test {
 protected:
  ~Log() override { set_log_level(LogLevel::warning); }

  static std::string written_by(const std::function<void()>& act) {
    testing::internal::CaptureStderr();
    act();
    return testing::internal::GetCapturedStderr();
  }
};

TEST_F(Log, KnowsTheWordsOfTheLevels) {
  EXPECT_EQ(parse_log_level("error"), LogLevel::error);
  EXPECT_EQ(parse_log_level("warning"), LogLevel::warning);
  EXPECT_EQ(parse_log_level("warn"), LogLevel::warning);
  EXPECT_EQ(parse_log_level("info"), LogLevel::info);
  EXPECT_EQ(parse_log_level("debug"), LogLevel::debug);
  for (const std::string word : {"", "Error", "warn ", "debug ", "0"}) {
    EXPECT_FALSE(parse_log_level(word)) << word;
  }
}

TEST_F(Log, WritesOneLineWithItsLevel) {
  EXPECT_EQ(written_by([] { log_line(LogLevel::error, "cannot read blob=x"); }),
            "error: cannot read blob=x\n");
  EXPECT_EQ(written_by([] { log_line(LogLevel::warning, ""); }), "warning: \n");
  EXPECT_EQ(written_by([] { log_line(LogLevel::info, "a"); }), "info: a\n");
  EXPECT_EQ(written_by([] { log_line(LogLevel::debug, "a"); }), "debug: a\n");
}

TEST_F(Log, EscapesControlCharacters) {
  // A tag from the network must not forge a line or steer a terminal.
  EXPECT_EQ(written_by([] { log_line(LogLevel::info, "tag=a\nerror: forged"); }),
            "info: tag=a\\x0aerror: forged\n");
  EXPECT_EQ(
      written_by([] { log_line(LogLevel::info, std::string_view("\0\t\r\x1b[31m\x1f\x7f", 10)); }),
      "info: \\x00\\x09\\x0d\\x1b[31m\\x1f\\x7f\n");
}

TEST_F(Log, LeavesPrintableBytesAlone) {
  EXPECT_EQ(written_by([] { log_line(LogLevel::info, "100 % \\x20 ~ \xc3\xa9 %s%n"); }),
            "info: 100 % \\x20 ~ \xc3\xa9 %s%n\n");
}

TEST_F(Log, EvaluatesNothingThatIsNotLogged) {
  set_log_level(LogLevel::warning);
  int evaluated = 0;
  const auto count = [&] { return ++evaluated; };
  EXPECT_EQ(written_by([&] {
              DIGESTFS_LOG(debug, "n=", count());
              DIGESTFS_LOG(info, "n=", count());
            }),
            "");
  EXPECT_EQ(evaluated, 0);
  EXPECT_EQ(written_by([&] { DIGESTFS_LOG(warning, "n=", count(), " of ", 2); }),
            "warning: n=1 of 2\n");
  set_log_level(LogLevel::debug);
  EXPECT_EQ(written_by([&] { DIGESTFS_LOG(debug, "n=", count()); }), "debug: n=2\n");
}

TEST_F(Log, OffersALevelAndAllThatMatterMore) {
  const std::vector<LogLevel> levels = {LogLevel::error, LogLevel::warning, LogLevel::info,
                                        LogLevel::debug};
  for (std::size_t threshold = 0; threshold < levels.size(); ++threshold) {
    set_log_level(levels[threshold]);
    for (std::size_t level = 0; level < levels.size(); ++level) {
      EXPECT_EQ(log_enabled(levels[level]), level <= threshold);
    }
  }
}

TEST_F(Log, KeepsTheLinesOfThreadsApart) {
  const std::string text = written_by([] {
    std::vector<std::jthread> threads;
    for (const char c : {'a', 'b', 'c', 'd'}) {
      threads.emplace_back([c] {
        for (int i = 0; i < 50; ++i) log_line(LogLevel::info, std::string(200, c));
      });
    }
  });
  std::size_t lines = 0;
  for (std::size_t at = 0; at < text.size(); ++lines) {
    const std::size_t end = text.find('\n', at);
    ASSERT_NE(end, std::string::npos);
    const std::string line = text.substr(at, end - at);
    EXPECT_EQ(line, "info: " + std::string(200, line.back()));
    at = end + 1;
  }
  EXPECT_EQ(lines, 200U);
}

}  // namespace
}  // namespace digestfs
