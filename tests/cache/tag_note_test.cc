// SPDX-License-Identifier: Apache-2.0
#include "cache/tag_note.h"

#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/text.h"
#include "tests/support/cache_folder.h"

namespace digestfs::cache {
namespace {

const std::string kSource = "memory:test";

class TagNoteTest : public test::CacheFolder {
 protected:
  static std::string note(std::string_view suffix) {
    return str_cat(digest_of(kSource).encoded(), suffix);
  }
  [[nodiscard]] RememberedTags read() const { return read_tags(store_, kSource); }
  /// What is read of a note with that text.
  RememberedTags read_of(std::string_view suffix, std::string_view text) const {
    store_.write_note("tags", note(suffix), text);
    return read();
  }
  void write(RememberedTags tags) const { write_tags(store_, kSource, std::move(tags)); }

  Store store_{path(), {}};
};

RememberedTag tag_of(std::string_view bytes, std::int64_t asked_ns) {
  RememberedTag tag;
  tag.descriptor = registry::Descriptor{.digest = digest_of(bytes), .media_type = "application/x"};
  tag.descriptor->size = bytes.size();
  tag.asked_ns = asked_ns;
  return tag;
}

RememberedTags list_of(std::set<std::string> names, bool complete, bool is_cut,
                       std::int64_t listed_ns) {
  RememberedTags tags;
  tags.list = RememberedList{std::make_shared<const std::set<std::string>>(std::move(names)),
                             complete, is_cut, listed_ns};
  return tags;
}

TEST_F(TagNoteTest, KeepsWhatIsWritten) {
  RememberedTags tags = list_of({"a", "b"}, true, true, 7);
  tags.tags.emplace("a", tag_of("one", 5));
  tags.tags.emplace("gone", RememberedTag{std::nullopt, 5});
  write(tags);
  const RememberedTags read = this->read();
  ASSERT_TRUE(read.list);
  EXPECT_EQ(*read.list->names, *tags.list->names);
  EXPECT_TRUE(read.list->complete);
  EXPECT_TRUE(read.list->is_cut);
  EXPECT_EQ(read.list->listed_ns, 7);
  ASSERT_EQ(read.tags.size(), 1U);
  EXPECT_EQ(read.tags.at("a").descriptor->digest, digest_of("one"));
  EXPECT_EQ(read.tags.at("a").descriptor->size, 3U);
  EXPECT_EQ(read.tags.at("a").descriptor->media_type, "application/x");
  EXPECT_EQ(read.tags.at("a").asked_ns, 5);
}

TEST_F(TagNoteTest, KeepsWhatOthersHaveWrittenUnlessOursIsNewer) {
  RememberedTags theirs;
  theirs.tags.emplace("theirs", tag_of("one", 1));
  theirs.tags.emplace("older", tag_of("one", 1));
  theirs.tags.emplace("newer", tag_of("one", 9));
  theirs.tags.emplace("gone", tag_of("one", 1));
  write(theirs);
  RememberedTags ours;
  ours.tags.emplace("older", tag_of("two", 5));
  ours.tags.emplace("newer", tag_of("two", 5));
  ours.tags.emplace("gone", RememberedTag{std::nullopt, 5});
  write(ours);
  const auto tags = read().tags;
  ASSERT_EQ(tags.size(), 3U);
  EXPECT_EQ(tags.at("theirs").descriptor->digest, digest_of("one"));
  EXPECT_EQ(tags.at("older").descriptor->digest, digest_of("two"));
  EXPECT_EQ(tags.at("newer").descriptor->digest, digest_of("one"));
}

TEST_F(TagNoteTest, KeepsTheBestList) {  // promise 7
  const auto names = [&] { return *read().list->names; };
  using Names = std::set<std::string>;
  write(list_of({"page"}, false, false, 1));
  write(list_of({"cut"}, true, true, 2));
  EXPECT_EQ(names(), Names{"cut"});
  write(list_of({"page"}, false, false, 3));
  EXPECT_EQ(names(), Names{"cut"});
  write(list_of({"whole"}, true, false, 4));
  write(list_of({"cut"}, true, true, 5));
  EXPECT_EQ(names(), Names{"whole"});
  write(list_of({"earlier"}, true, false, 3));
  EXPECT_EQ(names(), Names{"whole"});
  write(list_of({"later"}, true, false, 6));
  EXPECT_EQ(names(), Names{"later"});
}

// 560,000 tags of 118 characters were more than a note could have, and the repository could never
// be mounted again.
TEST_F(TagNoteTest, ReadsEveryListThatItWrites) {
  std::set<std::string> names;
  constexpr int kTags = 560'000;
  for (int i = 0; i < kTags; ++i) {
    std::string name = std::to_string(10'000'000 + i);
    names.insert(names.end(), name.append(110, 'x'));
  }
  write(list_of(std::move(names), true, false, 1));
  ASSERT_TRUE(read().list);
  EXPECT_EQ(read().list->names->size(), static_cast<std::size_t>(kTags));
}

TEST_F(TagNoteTest, ForgetsTheOldestWhereThereAreTooMany) {
  RememberedTags tags;
  constexpr int kTags = 40'000;
  for (int i = 0; i < kTags; ++i) {
    tags.tags.emplace(str_cat("tag", i), tag_of("one", i));
  }
  write(tags);
  const auto read = this->read().tags;
  EXPECT_GT(read.size(), 5'000U);
  EXPECT_TRUE(read.contains(str_cat("tag", kTags - 1)));
}

// What is remembered is in files of the cache, which anybody may have written who can.
TEST_F(TagNoteTest, ReadsNothingThatMakesNoSense) {
  const std::string source = str_cat(R"("source":")", kSource, R"(")");
  const std::string good = digest_of("one").str();
  for (const std::string& text : {
           std::string(),
           std::string("{"),
           std::string("null"),
           std::string("[]"),
           std::string("\xff"),
           std::string(std::size_t{1} << 20U, '['),
           std::string(R"({"source":"memory:other","digests":{"x":{"digest":")" + good + R"("}}})"),
           std::string(R"({"digests":{"x":{"digest":")" + good + R"("}}})"),
           "{" + source + R"(,"digests":[]})",
           "{" + source + R"(,"digests":{"../x":{"digest":")" + good + R"("}}})",
           "{" + source + R"(,"digests":{"x":{"digest":"sha256:../x"},"y":7,"z":{"digest":7}}})",
       }) {
    EXPECT_TRUE(read_of(".json", text).tags.empty()) << text.substr(0, 80);
    EXPECT_FALSE(read().list);
  }
  for (const std::string& text : {
           std::string(),
           std::string("{}"),
           std::string("\na\n"),
           std::string(100'000, 'a'),
           std::string(R"({"source":"memory:other"})") + "\na\n",
           "{" + source + "}",
       }) {
    EXPECT_FALSE(read_of(".list", text).list) << text.substr(0, 80);
  }
}

TEST_F(TagNoteTest, ReadsTheRestOfWhatMakesSense) {
  const std::string source = str_cat(R"("source":")", kSource, R"(")");
  const std::string good = digest_of("one").str();
  const auto tags = read_of(".json", "{" + source + R"(,"digests":{"ok":{"digest":")" + good +
                                         R"(","size":-1},"large":{"digest":")" + good +
                                         R"(","size":9223372036854775808,"asked":"x"}}})")
                        .tags;
  ASSERT_EQ(tags.size(), 2U);
  EXPECT_FALSE(tags.at("ok").descriptor->size);
  EXPECT_FALSE(tags.at("large").descriptor->size) << "no file has so many bytes";
  const auto list =
      read_of(".list", "{" + source + ",\"complete\":1,\"cut\":7}\nok\n../x\n\nhalf").list;
  ASSERT_TRUE(list);
  EXPECT_EQ(*list->names, std::set<std::string>{"ok"});
  EXPECT_FALSE(list->complete);
  EXPECT_FALSE(list->is_cut);
}

TEST_F(TagNoteTest, IsWrittenWhereSomethingElseHasItsName) {
  for (const char* what : {"folder", "link", "fifo"}) {
    for (const char* suffix : {".json", ".list", ".lock"}) {
      std::filesystem::remove_all(path() / "tags" / note(suffix));
      test::put_in_the_way(path() / "tags" / note(suffix), what);
    }
    RememberedTags tags = list_of({"a"}, true, false, 1);
    tags.tags.emplace("a", tag_of("one", 1));
    write(tags);
    EXPECT_TRUE(read().list) << what;
    EXPECT_EQ(read().tags.size(), 1U) << what;
  }
}

}  // namespace
}  // namespace digestfs::cache
