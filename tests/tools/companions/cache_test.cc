// SPDX-License-Identifier: Apache-2.0
#include <ctime>
#include <filesystem>
#include <sstream>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"
#include "cache/store.h"
#include "tests/support/cache_folder.h"
#include "tests/support/child.h"
#include "tools/companions/cache/cached_object.h"
#include "tools/companions/cache/commands.h"
#include "tools/companions/cache/known_facts.h"
#include "tools/exit_code.h"

namespace digestfs::companions {
namespace {

namespace fs = std::filesystem;

using cache::Area;
using test::Child;
using test::keep;
using test::plant;

/// A cache with three objects that were used one, two and three days ago.
class CacheCommands : public test::CacheFolder {
 protected:
  CacheCommands() {
    constexpr std::time_t kDay = 86400;
    std::time_t used = std::time(nullptr);
    for (const Digest& digest : {newest_, middle_, oldest_}) {
      used -= kDay;
      plant(path("used", digest), "");
      test::set_time(path("used", digest), used);
    }
  }

  [[nodiscard]] CacheOutput output() { return {.out = out_, .terminal = {}, .is_json = false}; }
  [[nodiscard]] CacheOutput json_output() { return {.out = out_, .terminal = {}, .is_json = true}; }
  [[nodiscard]] nlohmann::json json() const { return nlohmann::json::parse(out_.str()); }
  Answer prune(const PruneLimits& limits, Effect effect = Effect::real) {
    return prune_cache(store_.directory(), output(), limits, effect);
  }
  Answer verify(Effect effect = Effect::real) {
    Progress progress(ShowProgress::no);
    return verify_cache(store_.directory(), output(), effect, progress);
  }
  [[nodiscard]] bool has(const Digest& digest) const { return fs::exists(path("blobs", digest)); }

  cache::Store store_{path(), {}};
  Digest newest_ = keep(store_, "newest");
  Digest middle_ = keep(store_, "the middle");
  Digest oldest_ = keep(store_, "oldest of them");
  std::ostringstream out_;
};

TEST_F(CacheCommands, ListTheLastUsedOrTheLargestFirst) {
  EXPECT_EQ(list_cache(store_.directory(), json_output(), CacheOrder::use), Answer::yes);
  EXPECT_EQ(json()["schema"], "digestfs-cache/1");
  EXPECT_EQ(json()["objects"][0]["digest"], newest_.str());
  EXPECT_EQ(json()["objects"][2]["digest"], oldest_.str());
  EXPECT_EQ(json()["bytes"], 30);
  out_.str("");
  EXPECT_EQ(list_cache(store_.directory(), json_output(), CacheOrder::size), Answer::yes);
  EXPECT_EQ(json()["objects"][0]["digest"], oldest_.str());
  out_.str("");
  EXPECT_EQ(list_cache(store_.directory(), output(), CacheOrder::use), Answer::yes);
  EXPECT_NE(out_.str().find("24 hours ago  6 B   blobs  " + newest_.str()), std::string::npos)
      << out_.str();
  EXPECT_NE(out_.str().find("\n3 objects, 30 B\n"), std::string::npos) << out_.str();
}

TEST_F(CacheCommands, PruneCountsAndRemovesWhatIsKeptBesideAnObject) {
  for (const char* folder : {"sums", "trees"}) plant(path(folder, oldest_), std::string(100, 'x'));
  EXPECT_EQ(prune({.keep_size = 100}), Answer::yes);
  EXPECT_FALSE(has(oldest_)) << "it has 214 bytes of the 230";
  EXPECT_TRUE(has(middle_));
  for (const char* folder : {"sums", "trees", "used"}) {
    EXPECT_FALSE(fs::exists(path(folder, oldest_))) << folder;
  }
}

TEST_F(CacheCommands, VerifyRemovesWhatIsKeptBesideADamagedObject) {
  plant(path("sums", middle_), "sums");
  fs::permissions(path("blobs", middle_), fs::perms(0644));
  plant(path("blobs", middle_), "THE middle");
  EXPECT_EQ(verify(), Answer::no);
  EXPECT_FALSE(fs::exists(path("sums", middle_)));
}

TEST_F(CacheCommands, SayWhatAnObjectIs) {
  const Digest layer = keep(store_, "a layer");
  const Digest diff = keep(store_, "its diff", Area::diffs);
  store_.write_note("layers", str_cat("sha256-", layer.encoded(), ".json"),
                    str_cat(R"({"diff":")", diff, R"(","size":8,"compression":"gzip"})"));
  const Digest config = keep(store_, R"({"os":"linux","architecture":"arm64","rootfs":{}})");
  store_.write_note(
      "tags", "x.json",
      str_cat(R"({"source":"quay.io/a/b","digests":{"v1":{"digest":")", config, R"("}}})"));
  store_.write_note("layers", "sha256-nonsense.json", "[1");
  const KnownFacts facts(store_.directory());
  const auto what = [&](const std::string& area, const Digest& digest) {
    return facts.describe(
        {.area = area, .path = str_cat(area, "/sha256/", digest.encoded()), .digest = digest});
  };
  EXPECT_EQ(what("blobs", layer), str_cat("layer (gzip) of diff ", diff.encoded().substr(0, 12)));
  EXPECT_EQ(what("diffs", diff), str_cat("diff of layer ", layer.encoded().substr(0, 12)));
  EXPECT_EQ(what("blobs", config), "config linux/arm64, quay.io/a/b:v1");
  EXPECT_EQ(what("blobs", keep(store_, R"({"schemaVersion":2,"manifests":[]})")), "index");
  EXPECT_EQ(what("blobs", newest_), "");
}

TEST_F(CacheCommands, PruneByAge) {
  EXPECT_EQ(prune({.older_than = std::chrono::hours(60)}), Answer::yes);
  EXPECT_TRUE(has(newest_));
  EXPECT_TRUE(has(middle_));
  EXPECT_FALSE(has(oldest_));
  EXPECT_FALSE(fs::exists(path("used", oldest_)));
  EXPECT_NE(out_.str().find("removed: " + oldest_.str()), std::string::npos) << out_.str();
}

// Somebody who may write to the cache must not have other files listed, hashed or removed.
TEST_F(CacheCommands, FollowNoLinkThatIsPlantedInTheCache) {
  const std::string name(digest_of("promised").encoded());
  for (const char* planted : {"blobs", "blobs/sha256"}) {
    const test::TemporaryDirectory elsewhere;
    const fs::path theirs =
        elsewhere.path() / (std::string(planted) == "blobs" ? "sha256/" + name : name);
    plant(theirs, "not ours to remove");
    test::set_time(theirs, 1);
    fs::remove_all(path() / "blobs");
    fs::create_directories((path() / planted).parent_path());
    fs::create_directory_symlink(elsewhere.path(), path() / planted);
    out_.str("");
    EXPECT_EQ(list_cache(store_.directory(), json_output(), CacheOrder::use), Answer::yes);
    EXPECT_EQ(json()["objects"].size(), 0U) << planted;
    EXPECT_EQ(verify(), Answer::yes) << planted;
    EXPECT_EQ(prune({.keep_size = 0}), Answer::yes) << planted;
    EXPECT_EQ(find_in_cache(store_.directory(), output(), digest_of("promised")), Answer::no);
    EXPECT_TRUE(fs::exists(theirs)) << planted;
  }
}

TEST_F(CacheCommands, PruneTheLeastRecentlyUsedDownToASize) {
  EXPECT_EQ(prune({.keep_size = 10}), Answer::yes);
  EXPECT_TRUE(has(newest_));
  EXPECT_FALSE(has(middle_));
  EXPECT_FALSE(has(oldest_));
}

TEST_F(CacheCommands, PruneNothingInADryRun) {
  EXPECT_EQ(prune({.keep_size = 0}, Effect::dry_run), Answer::yes);
  EXPECT_TRUE(has(oldest_));
  EXPECT_NE(out_.str().find("3 objects, 30 B would be removed"), std::string::npos) << out_.str();
}

TEST_F(CacheCommands, PruneNothingThatAProcessUses) {
  const auto used = store_.open(Area::blobs, oldest_);
  ASSERT_TRUE(used);
  EXPECT_EQ(prune({.keep_size = 0}), Answer::no);
  EXPECT_TRUE(has(oldest_));
  EXPECT_FALSE(has(middle_));
  EXPECT_NE(out_.str().find("in use: " + oldest_.str()), std::string::npos) << out_.str();
}

TEST_F(CacheCommands, PruneNoFileThatIsNotNamedLikeAnObject) {
  plant(path() / "blobs/sha256/notes.txt", "mine");
  EXPECT_EQ(prune({.keep_size = 0}), Answer::yes);
  EXPECT_TRUE(fs::exists(path() / "blobs/sha256/notes.txt"));
}

TEST_F(CacheCommands, RemoveTheTimeOfUseOfAnObjectWithIt) {
  const Digest both = keep(store_, "a blob and a diff");
  static_cast<void>(keep(store_, "a blob and a diff", Area::diffs));
  plant(path("used", both), "");
  const auto objects = objects_in(store_.directory(), {"blobs", "diffs"});
  for (const CachedObject& object : objects) {
    if (object.digest == both && object.area == "blobs") {
      EXPECT_EQ(remove_unused(store_.directory(), object), Removal::removed);
    }
  }
  EXPECT_TRUE(fs::exists(path("used", both)));  // the diff is still there
  EXPECT_EQ(prune({.keep_size = 0}), Answer::yes);
  EXPECT_FALSE(fs::exists(path("used", both)));
  EXPECT_FALSE(fs::exists(path("used", newest_)));
}

TEST_F(CacheCommands, VerifyRemovesWhatIsDamagedAndSaysWhat) {
  EXPECT_EQ(verify(), Answer::yes);
  fs::remove(path("blobs", middle_));
  plant(path("blobs", middle_), "damaged");
  EXPECT_EQ(verify(Effect::dry_run), Answer::no);
  EXPECT_TRUE(has(middle_));
  out_.str("");
  EXPECT_EQ(verify(), Answer::no);
  EXPECT_FALSE(has(middle_));
  EXPECT_TRUE(has(newest_));
  EXPECT_NE(out_.str().find(str_cat("removed: ", middle_, " in blobs/, 7 B, it hashes to ",
                                    digest_of("damaged"))),
            std::string::npos)
      << out_.str();
}

TEST_F(CacheCommands, VerifyNamesWhatCannotBeReadAndFails) {
  Child child([&] {
    const auto file = path("blobs", middle_);
    fs::permissions(file, fs::perms::none);
    become_nobody({path(), path() / "blobs", path() / "blobs/sha256", path() / "diffs",
                   path() / "quarantine", path("blobs", newest_), path("blobs", oldest_), file});
    const bool is_failed = verify() == Answer::failed;
    const bool is_named =
        out_.str().find(str_cat("cannot be read: ", middle_,
                                " in blobs/, 10 B, it cannot be "
                                "opened: Permission denied")) != std::string::npos;
    const bool is_counted = out_.str().find("2 objects, 20 B verified\n") != std::string::npos;
    ::_exit(is_failed && is_named && is_counted && fs::exists(file) ? 0 : 1);
  });
  EXPECT_EQ(child.join(), 0);
}

TEST_F(CacheCommands, TakeNoFolderForEmptyThatCannotBeListed) {
  Child child([&] {
    fs::permissions(path() / "blobs/sha256", fs::perms::none);
    become_nobody({path(), path() / "blobs", path() / "blobs/sha256"});
    try {
      static_cast<void>(verify());
    } catch (const Error& error) {
      ::_exit(std::string(error.what()).find("cannot list") == 0 ? 0 : 2);
    }
    ::_exit(1);
  });
  EXPECT_EQ(child.join(), 0);
}

TEST_F(CacheCommands, FindTheFileOfAnObject) {
  EXPECT_EQ(find_in_cache(store_.directory(), output(), newest_), Answer::yes);
  EXPECT_EQ(out_.str(), path("blobs", newest_).native() + "\n");
  EXPECT_EQ(find_in_cache(store_.directory(), output(), digest_of("nothing")), Answer::no);
}

// An OCI image layout has a folder blobs/sha256, too.
TEST_F(CacheCommands, RefuseAFolderThatDoesNotSayThatItIsACache) {
  EXPECT_NO_THROW(static_cast<void>(open_cache(path().native())));
  fs::remove(path() / "CACHEDIR.TAG");
  EXPECT_THROW(static_cast<void>(open_cache(path().native())), Error);
  // Every program that keeps a cache may have such a tag.
  plant(path() / "CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n# of cargo\n");
  EXPECT_THROW(static_cast<void>(open_cache(path().native())), Error);
  const fs::path other = path().parent_path() / "other";
  const cache::Store store(other, {});
  EXPECT_NO_THROW(static_cast<void>(open_cache(other.native())));
  fs::remove(path() / "CACHEDIR.TAG");
  fs::create_symlink(other / "CACHEDIR.TAG", path() / "CACHEDIR.TAG");
  EXPECT_THROW(static_cast<void>(open_cache(path().native())), Error);
  const fs::path missing = path().parent_path() / "missing";
  EXPECT_THROW(static_cast<void>(open_cache(missing.native())), Error);
  EXPECT_FALSE(fs::exists(missing));
}

TEST_F(CacheCommands, SayThatAFolderIsClosedAndNotThatItHasNoTag) {
  Child child([&] {
    fs::permissions(path(), fs::perms::none);
    become_nobody({path()});
    try {
      static_cast<void>(open_cache(path().native()));
    } catch (const Error& error) {
      ::_exit(error.code() == Errc::denied ? 0 : 2);
    }
    ::_exit(1);
  });
  EXPECT_EQ(child.join(), 0);
}

TEST(CacheDurations, HaveAUnit) {
  EXPECT_EQ(parse_duration("30d"), std::chrono::hours(720));
  EXPECT_EQ(parse_duration("45m"), std::chrono::minutes(45));
  for (const char* text : {"", "d", "30", "-1d", "1.5h", "99999999999w"}) {
    EXPECT_THROW(static_cast<void>(parse_duration(text)), tools::UsageError) << text;
  }
}

}  // namespace
}  // namespace digestfs::companions
