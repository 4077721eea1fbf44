// SPDX-License-Identifier: Apache-2.0
#include "tests/mount/invariants.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "base/text.h"

namespace digestfs {
namespace {

using namespace std::chrono_literals;

// Longer than a failure is remembered, twice over: by the server that was asked, and by the object.
constexpr auto kMemory = 15s;

std::vector<std::string> options_of(const test::World& world, const Fault& fault) {
  std::vector<std::string> options = {
      "--authfile", world.directory.path() / "auth.json", "--timeout", "2", "--log-level", "debug"};
  options.insert(options.end(), fault.options.begin(), fault.options.end());
  return options;
}

}  // namespace

void PrintTo(const Fault& fault, std::ostream* out) { *out << fault.name; }

InvariantsTest::InvariantsTest()
    : world(GetParam().transport),
      mounted(
          DIGESTFS_BINARY, world.registry.source(), options_of(world, GetParam()),
          {str_cat("PATH=", (world.directory.path() / "bin").native(), ":", std::getenv("PATH"))}) {
  world.mountpoint = mounted.path();
  world.cache = mounted.cache();
}

void InvariantsTest::expect_outcome() {
  if (world.outcome.readings.empty()) {
    test::Reading victim = blob(0);
    victim.error = GetParam().expected;
    if (victim.error != 0) victim.seen.clear();
    world.outcome.readings.push_back(victim);
  }
  for (const test::Reading& reading : world.outcome.readings) expect(reading);
  if (world.outcome.check) world.outcome.check();
}

void InvariantsTest::expect_health() const {
  SCOPED_TRACE(world.outcome.closes_gate ? "the gate is closed" : "I3: it is healthy");
  if (world.outcome.closes_gate) {
    expect(test::no_content(blob(1).path, GetParam().expected));
    return;
  }
  const auto until = std::chrono::steady_clock::now() + kMemory;
  while (world.outcome.is_remembered && std::chrono::steady_clock::now() < until) {
    if (test::look(mounted.path(), test::Reading::Of::content, blob(1).path).error == 0) break;
    std::this_thread::sleep_for(200ms);
  }
  expect(blob(1));
}

void InvariantsTest::expect_problem() const {
  const std::string problems = test::slurp(mounted.path() / ".digestfs/problems.jsonl");
  const std::string kind = str_cat(R"("kind":")", world.outcome.problem, '"');
  EXPECT_NE(problems.find(kind), std::string::npos) << kind << " is not in\n" << problems;
}

void InvariantsTest::expect_secrets_where_they_belong() const {
  world.expect_no_secret(mounted.log(), "the log");
  world.expect_no_secret(test::slurp(mounted.path() / ".digestfs/problems.jsonl"),
                         "problems.jsonl");
  std::vector<std::filesystem::path> paths = {mounted.path(), mounted.path() / "tags/t",
                                              mounted.path() / blob(1).path};
  for (const auto& reading : world.outcome.readings) paths.push_back(mounted.path() / reading.path);
  for (const auto& path : paths) {
    world.expect_no_secret(test::xattrs_of(path), "xattrs of " + path.native());
  }
  test::for_each_file(mounted.cache(), [this](const auto& path, const auto& content) {
    world.expect_no_secret(content, path);
  });
  world.expect_requests_are_harmless();
}

TEST_P(InvariantsTest, Hold) {
  expect(blob(2));
  ASSERT_FALSE(HasFailure());

  GetParam().inflict(world);
  expect_outcome();
  if (!world.outcome.problem.empty()) expect_problem();
  {
    SCOPED_TRACE("I3: it is in the cache");
    expect(blob(2));
  }

  world.heal();
  expect_health();
  EXPECT_EQ(test::wrong_files(mounted.cache()), std::vector<std::string>()) << "I1";
  expect_secrets_where_they_belong();
  if (HasFailure()) ADD_FAILURE() << "The log says:\n" << mounted.log();
}

}  // namespace digestfs
