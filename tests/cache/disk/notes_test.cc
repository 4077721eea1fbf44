// SPDX-License-Identifier: Apache-2.0
#include "cache/disk/notes.h"

#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/text.h"
#include "cache/store.h"
#include "tests/support/cache_folder.h"
#include "tests/support/child.h"

namespace digestfs::cache {
namespace {

namespace fs = std::filesystem;
using test::Child;
using test::put_in_the_way;
using test::Signal;

using NotesTest = test::CacheFolder;

TEST_F(NotesTest, KeepsNotes) {
  const Store store(path(), {});
  EXPECT_FALSE(store.read_note("tags", "name.json"));
  store.write_note("tags", "name.json", "one");
  store.write_note("tags", "name.json", "two, which is longer");
  EXPECT_EQ(store.read_note("tags", "name.json"), "two, which is longer");
  EXPECT_EQ(Store(path(), {}).read_note("tags", "name.json"), "two, which is longer");
  // No draft is left beside it.
  EXPECT_EQ(std::distance(fs::directory_iterator(path() / "tags"), {}), 1);
}

TEST_F(NotesTest, ReplacesNotesAsAWhole) {
  const Store store(path(), {});
  const std::string one(100000, '1');
  const std::string two(50000, '2');
  store.write_note("tags", "name.json", one);
  std::jthread writer([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      store.write_note("tags", "name.json", two);
      store.write_note("tags", "name.json", one);
    }
  });
  for (int i = 0; i < 500; ++i) {
    const auto note = store.read_note("tags", "name.json");
    ASSERT_TRUE(note == one || note == two);
  }
}

TEST_F(NotesTest, CountForNothingWhereTheyCannotBeUsed) {
  const Directory directory(path());
  for (const char* what : {"folder", "link", "fifo"}) {
    const std::string name = str_cat("tags/", what);
    put_in_the_way(path() / name, what);
    EXPECT_FALSE(read_note(directory, name, 100)) << what;
    write_note(directory, name, "ours");
    EXPECT_EQ(read_note(directory, name, 100), "ours") << what;
  }
  write_note(directory, "tags/large", std::string(101, 'x'));
  EXPECT_FALSE(read_note(directory, "tags/large", 100));
  EXPECT_EQ(read_note(directory, "tags/large", 101), std::string(101, 'x'));
}

TEST_F(NotesTest, AreNotReplacedByADraftThatIsNotFinished) {
  const Directory directory(path());
  write_note(directory, "tags/name", "old");
  {
    Draft draft(directory, "tags/name");
    draft.write("new");
  }
  EXPECT_EQ(read_note(directory, "tags/name", 100), "old");
  EXPECT_EQ(directory.names_in("tags"), std::vector<std::string>{"name"});
}

TEST_F(NotesTest, LeaveNoDraftOfAKilledProcess) {
  const Store store(path(), {});
  Signal written;
  Child child([&] {
    Draft draft(store.directory(), "tags/killed.json");
    draft.write("half");
    written.give();
    ::pause();
  });
  written.await();
  Draft mine(store.directory(), "tags/name.json");
  store.tidy();
  EXPECT_EQ(store.directory().names_in("tags").size(), 2U) << "somebody is writing it";
  child.kill();
  store.tidy();
  EXPECT_EQ(store.directory().names_in("tags").size(), 1U);
  mine.write("whole");
  mine.publish();
  EXPECT_EQ(store.read_note("tags", "name.json"), "whole");
}

}  // namespace
}  // namespace digestfs::cache
