// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <algorithm>
#include <functional>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace digestfs {
namespace {

/// Sets the level back at the end; it is the one global of the program.
class Log : public testing::Test {
 protected:
  Log() { set_log_level(LogLevel::debug); }
  ~Log() override {
    set_log_level(LogLevel::warning);
    log_to_stderr();
  }

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
  EXPECT_EQ(written_by([&] { DIGESTFS_LOG(debug, "n=", count()); }), "");
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
      // Those of `info` and above are kept in any case.
      EXPECT_EQ(log_enabled(levels[level]), level <= std::max<std::size_t>(threshold, 2));
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

TEST_F(Log, WritesNothingThatItOnlyKeeps) {
  set_log_level(LogLevel::warning);
  EXPECT_EQ(written_by([] { DIGESTFS_LOG(info, "fetched the thing that is only kept"); }), "");
  EXPECT_NE(recent_log().find("Z info: fetched the thing that is only kept\n"), std::string::npos);
}

TEST_F(Log, KeepsTheLatestLinesAndNoMore) {
  static_cast<void>(written_by([] {
    for (std::size_t i = 0; i <= kRecentLogLines; ++i) {
      log_line(LogLevel::warning, str_cat("line ", i, i == 5 ? std::string(100'000, 'x') : ""));
    }
    // News do not push out what failed.
    for (std::size_t i = 0; i <= kRecentLogLines; ++i) log_line(LogLevel::info, "news");
  }));
  const std::string recent = recent_log();
  EXPECT_EQ(std::ranges::count(recent, '\n'), 2 * kRecentLogLines);
  EXPECT_EQ(recent.find("warning: line 0\n"), std::string::npos);
  EXPECT_NE(recent.find("warning: line 1\n"), std::string::npos);
  EXPECT_NE(recent.find(str_cat("warning: line ", kRecentLogLines, "\n")), std::string::npos);
  EXPECT_LT(recent.size(), 100'000U);
}

// A terminal that was stopped, or a log file on a disk that hangs, held every thread that had
// something to say.
TEST_F(Log, HoldsNobodyUpWhileItsWriterHangs) {
  std::promise<void> begun;
  std::promise<void> answer;
  std::vector<std::string> lines;
  log_to([&, answered = answer.get_future().share()](const LogLine& line) {
    if (lines.empty()) begun.set_value();
    lines.push_back(line.text);
    answered.wait();
  });
  {
    const LogThread thread;
    log_line(LogLevel::error, "the line that hangs");
    begun.get_future().wait();
    for (std::size_t i = 0; i < kMaxWaitingLines + 5; ++i) log_line(LogLevel::error, "more");
    EXPECT_NE(recent_log().find("error: more"), std::string::npos);
    answer.set_value();
  }
  ASSERT_EQ(lines.size(), 1 + kMaxWaitingLines + 1);
  EXPECT_EQ(lines.front(), "error: the line that hangs");
  EXPECT_EQ(lines.back(), "warning: 5 lines came faster than they could be written");
}

TEST_F(Log, WritesAllThatCameBeforeItsThreadEnds) {
  std::vector<std::string> lines;
  log_to([&](const LogLine& line) { lines.push_back(line.text); });
  {
    const LogThread thread;
    for (int i = 0; i < 100; ++i) log_line(LogLevel::error, str_cat(i));
  }
  EXPECT_EQ(lines.size(), 100U);
  log_line(LogLevel::error, "after it");
  EXPECT_EQ(lines.back(), "error: after it");
}

TEST_F(Log, GoesWhereItIsSent) {
  std::vector<std::string> lines;
  log_to([&lines](const LogLine& line) {
    lines.push_back(str_cat(static_cast<int>(line.level), " ", line.text));
  });
  EXPECT_EQ(written_by([] { log_line(LogLevel::error, "a\nb"); }), "");
  log_to_stderr();
  EXPECT_EQ(written_by([] { log_line(LogLevel::error, "c"); }), "error: c\n");
  EXPECT_EQ(lines, std::vector<std::string>{"0 error: a\\x0ab"});
}

}  // namespace
}  // namespace digestfs
