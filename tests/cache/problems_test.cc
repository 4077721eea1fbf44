// SPDX-License-Identifier: Apache-2.0
#include "cache/problems.h"

#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/mounted.h"

namespace digestfs::cache {
namespace {

using namespace std::string_literals;

std::vector<std::string> lines(const Problems& problems) {
  std::vector<std::string> lines;
  std::istringstream text(problems.text());
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

Problem problem(const std::string& object) {
  return {.kind = ProblemKind::remark, .object = object, .detail = "it is odd"};
}

TEST(Problems, BeginEmpty) {
  const Problems problems("memory:x");
  EXPECT_EQ(problems.text(), "");
  EXPECT_EQ(problems.size(), 0U);
}

TEST(Problems, AreOneObjectALine) {
  Problems problems("docker://quay.io/a/b");
  const Digest promised = digest_of("promised");
  const Digest actual = digest_of("actual");
  problems.report({ProblemKind::digest_mismatch, promised.str(), Claim{promised, {}},
                   Claim{actual, 6}, "the source sent other bytes"});
  ASSERT_EQ(lines(problems).size(), 1U);
  EXPECT_EQ(problems.text().back(), '\n');
  EXPECT_EQ(problems.size(), problems.text().size());
  const auto line = nlohmann::json::parse(lines(problems)[0]);
  EXPECT_EQ(line["kind"], "digest-mismatch");
  EXPECT_EQ(line["object"], promised.str());
  EXPECT_EQ(line["promised"], (nlohmann::json{{"digest", promised.str()}}));
  EXPECT_EQ(line["actual"], (nlohmann::json{{"digest", actual.str()}, {"size", 6}}));
  EXPECT_EQ(line["detail"], "the source sent other bytes");
  EXPECT_EQ(line["source"], "docker://quay.io/a/b");
  // RFC 3339.
  const std::string time = line["time"];
  ASSERT_EQ(time.size(), std::string_view("2024-01-02T03:04:05.678Z").size());
  for (std::size_t i = 0; i < time.size(); ++i) {
    const char expected = "0000-00-00T00:00:00.000Z"[i];
    EXPECT_TRUE(expected == '0' ? std::isdigit(static_cast<unsigned char>(time[i])) != 0
                                : time[i] == expected)
        << time;
  }
}

TEST(Problems, LeaveOutWhatIsNotKnown) {
  Problems problems("memory:x");
  problems.report(problem("tag"));
  const auto line = nlohmann::json::parse(lines(problems).at(0));
  EXPECT_FALSE(line.contains("promised"));
  EXPECT_FALSE(line.contains("actual"));
}

TEST(Problems, AreReportedOnce) {
  Problems problems("memory:x");
  problems.report(problem("one"));
  problems.report(problem("two"));
  problems.report(problem("one"));
  EXPECT_EQ(lines(problems).size(), 2U);
}

// Every name from the network is hostile.
TEST(Problems, StayLinesOfJsonWhateverTheNamesAre) {
  Problems problems("memory:x");
  const std::vector<std::string> names = {
      "\n{\"kind\":\"forged\"}\n"s, "\xff\xfe\x80"s, "a\0b"s, "\"\\"s, "\x1b[31m"s,
      std::string(100000, 'x')};
  for (const auto& name : names) problems.report(problem(name));
  ASSERT_EQ(lines(problems).size(), names.size());
  for (const auto& line : lines(problems)) {
    EXPECT_EQ(nlohmann::json::parse(line)["kind"], "remark");
    for (const char c : line) EXPECT_TRUE(c >= ' ' && c <= '~') << "not plain ASCII";
  }
}

TEST(Problems, AreBounded) {
  Problems problems("memory:x");
  for (int i = 0; i < 10100; ++i) problems.report(problem(std::to_string(i)));
  ASSERT_EQ(lines(problems).size(), 10001U);
  EXPECT_EQ(nlohmann::json::parse(lines(problems).back())["object"], "problems.jsonl");
  EXPECT_EQ(nlohmann::json::parse(lines(problems).back())["kind"], "limit");
}

TEST(Problems, M18AreBoundedInBytesToo) {
  Problems problems("memory:x");
  for (int i = 0; i < 9000; ++i) {
    Problem large = problem(std::to_string(i) + std::string(100'000, '\xff'));
    large.detail = std::string(100'000, 'd');
    problems.report(large);
  }
  EXPECT_LT(problems.size(), 17U << 20U);
  EXPECT_EQ(nlohmann::json::parse(lines(problems).back())["object"], "problems.jsonl");
}

TEST(Problems, AreTakenFromManyThreads) {
  Problems problems("memory:x");
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) problems.report(problem(std::to_string(i)));
    });
  }
  threads.clear();
  EXPECT_EQ(lines(problems).size(), 100U);
}

// The words are a closed set, and people find out about them there.
TEST(Problems, HaveKindsThatTheManPageLists) {
  const std::string man = test::slurp(DIGESTFS_SOURCE_DIR "/man/digestfs-tree.5");
  std::set<std::string_view> words;
  for (int kind = 0; kind <= static_cast<int>(ProblemKind::remark); ++kind) {
    const std::string_view word = to_string(static_cast<ProblemKind>(kind));
    EXPECT_TRUE(words.insert(word).second) << word << " twice";
    std::string in_roff;
    for (const char c : word) in_roff += c == '-' ? "\\-" : std::string(1, c);
    EXPECT_TRUE(man.find(in_roff) != std::string::npos || man.find(word) != std::string::npos)
        << word;
  }
}

}  // namespace
}  // namespace digestfs::cache
