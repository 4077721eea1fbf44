// SPDX-License-Identifier: Apache-2.0
// Promise 5 on a real mount: whatever stalls in the registry or on the disk, the mount goes on and
// ends when told.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/handle.h"
#include "base/text.h"
#include "tests/support/fake_registry.h"
#include "tests/support/image_builder.h"
#include "tests/support/mounted.h"

namespace digestfs {
namespace {

using namespace std::chrono_literals;
using test::FakeRegistry;
using test::Mounted;

constexpr int kWaiters = 64;
const std::string kPassword = "not-for-everybody";
// Far more than anything here takes, and far less than a stall that is not ended.
constexpr auto kSoon = 20s;

/// What a waiter does to its path.
enum class Call { lookup, open, readdir };

std::string name_of(Call call) {
  switch (call) {
    case Call::lookup:
      return "lookup";
    case Call::open:
      return "open";
    case Call::readdir:
      return "readdir";
  }
  return {};
}

/// One name for all waiters, or one each.
enum class Names { one, many };

/// What they all wait for: an answer of the registry, or a thread of the disk, which hashes a file
/// that is larger than any test lasts.
enum class Holder { network, disk };

struct Scene {
  Call call;
  Names names;
  Holder holder;
};

/// A process of its own that is stuck in one system call on the mount, and can be killed.
class Waiter {
 public:
  Waiter(Call call, const std::filesystem::path& path) {
    pid_ = ::fork();
    if (pid_ == 0) ::_exit(run(call, path.c_str()));
  }
  Waiter(Waiter&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  Waiter& operator=(Waiter&&) = delete;
  ~Waiter() {
    if (pid_ < 0) return;
    kill();
    ::waitpid(pid_, nullptr, 0);
  }

  void kill() const { signal(SIGKILL); }
  void signal(int number) const {
    if (pid_ > 0) ::kill(pid_, number);
  }

  /// The errno its call failed with (0: none), or nothing if it still waits after `limit`.
  std::optional<int> result(std::chrono::milliseconds limit) {
    const auto until = std::chrono::steady_clock::now() + limit;
    do {
      int status = 0;
      if (::waitpid(pid_, &status, WNOHANG) == pid_) {
        pid_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
      }
      std::this_thread::sleep_for(5ms);
    } while (std::chrono::steady_clock::now() < until);
    return std::nullopt;
  }

 private:
  static int run(Call call, const char* path) {
    switch (call) {
      case Call::lookup: {
        struct stat status {};
        return ::lstat(path, &status) == 0 ? 0 : errno;
      }
      case Call::open:
        return ::open(path, O_RDONLY | O_CLOEXEC) >= 0 ? 0 : errno;
      case Call::readdir: {
        DIR* directory = ::opendir(path);
        if (directory == nullptr) return errno;
        errno = 0;
        while (::readdir(directory) != nullptr) continue;
        return errno;
      }
    }
    return -1;
  }

  pid_t pid_ = -1;
};

class WaitingTest : public testing::TestWithParam<Scene> {
 protected:
  WaitingTest() {
    std::vector<test::Layer> layers;
    for (int i = 0; i < kWaiters; ++i) layers.push_back(test::gzip_layer({{str_cat("file", i)}}));
    image = test::add_image(set, layers);
    for (int i = 0; i < kWaiters; ++i) set.tag(str_cat("tag", i), image->manifest);
    const auto cached = test::add_image(set, {test::gzip_layer({{"cached", "content"}})}, "arm64");
    set.tag("cached", cached.manifest);
    small = test::add_image(set, {test::gzip_layer({{"small", "content"}})}, "riscv64");
    set.tag("small", small->manifest);
    fake.add(set);
    const std::string login = str_cat("Basic ", encode_base64(str_cat("me:", kPassword)));
    fake.on([login](const FakeRegistry::Request& request) -> std::optional<FakeRegistry::Response> {
      if (request.path() == "/v2/" || request.field("Authorization") == login) return std::nullopt;
      return FakeRegistry::Response{.status = 401,
                                    .fields = {{"WWW-Authenticate", "Basic realm=\"x\""}}};
    });
    mount({"--timeout", "600", "--creds", str_cat("me:", kPassword)});
    // What the waiters' paths go through is known, what they wait for is not.
    cached_diff = test::slurp(mounted->path() / "tags/cached/layers/00/diff");
    if (holder() == Holder::network) stall();
  }

  void TearDown() override {
    remove_planted();
    EXPECT_EQ(test::wrong_files(kept.path()), std::vector<std::string>()) << "I1";
  }

  void mount(std::vector<std::string> options) {
    // A bound that the planted files do not exceed.
    options.insert(options.end(), {"--cache-dir", kept.path().native(), "--cache-size", "1000T"});
    mounted.emplace(DIGESTFS_BINARY, fake.source(), options);
  }

  /// What a mount leaves that has ended: nothing of a password (I2), and what it had got (I3).
  void expect_the_cache_is_in_order() {
    remove_planted();
    std::vector<std::string> texts = {mounted->log()};
    test::for_each_file(kept.path(), [&texts](const auto& /*path*/, const auto& content) {
      texts.push_back(content);
    });
    for (const std::string& text : texts) {
      for (const std::string& secret : {kPassword, encode_base64(str_cat("me:", kPassword))}) {
        EXPECT_EQ(text.find(secret), std::string::npos) << "I2";
      }
    }
    mounted.reset();
    mount({"--offline"});
    EXPECT_EQ(test::slurp(mounted->path() / "tags/cached/layers/00/diff"), cached_diff) << "I3";
  }

  [[nodiscard]] static Call call() { return GetParam().call; }
  [[nodiscard]] static Holder holder() { return GetParam().holder; }

  void stall() {
    fake.on(fake.path("/blobs/"), {.stall = true});
    fake.on(fake.path("/manifests/"), {.stall = true});
  }

  [[nodiscard]] std::filesystem::path target(int waiter) const {
    const int number = GetParam().names == Names::one ? 0 : waiter;
    return holder() == Holder::network ? target_in_registry(number) : target_on_disk(number);
  }

  [[nodiscard]] std::filesystem::path target_in_registry(int number) const {
    switch (call()) {
      case Call::lookup:
        return mounted->path() / "blobs" / digest_of(str_cat("unknown", number)).str();
      case Call::open:
        return mounted->path() / "blobs" /
               image->layers.at(static_cast<std::size_t>(number)).digest.str();
      case Call::readdir:
        return mounted->path() / str_cat("tags/tag", number);
    }
    return {};
  }

  [[nodiscard]] std::filesystem::path target_on_disk(int number) const {
    const auto layer =
        mounted->path() / "tags/tag0/layers" / str_cat(number < 10 ? "0" : "", number);
    switch (call()) {
      case Call::lookup:
        return layer / "tree" / str_cat("file", number);
      case Call::open:
        return layer / "blob";
      case Call::readdir:
        return layer / "tree";
    }
    return {};
  }

  /// Puts a file into the cache for each layer of the image that is larger than anything can hash.
  void plant() {
    for (int i = 0; i < kWaiters; ++i) {
      const auto layer = static_cast<std::size_t>(i);
      for (const auto& [area, digest] : {std::pair("blobs/sha256", image->layers.at(layer).digest),
                                         std::pair("diffs/sha256", image->diff_ids.at(layer))}) {
        const auto file = kept.path() / area / digest.encoded();
        std::filesystem::create_directories(file.parent_path());
        const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0444));
        ASSERT_TRUE(fd) << file;
        ASSERT_EQ(::ftruncate(fd.get(), off_t{1} << 40), 0);
        planted.push_back(file);
      }
    }
  }

  void remove_planted() {
    for (const auto& file : planted) std::filesystem::remove(file);
    planted.clear();
  }

  /// The blobs have to be known before they can be opened, not looked up.
  void meet_the_layers() {
    static_cast<void>(test::slurp(mounted->path() / "tags/tag0/config.json"));
    std::size_t entries = 0;
    for (const auto& entry :
         std::filesystem::directory_iterator(mounted->path() / "tags/tag0/layers")) {
      entries += entry.is_directory() ? 1 : 0;
    }
    EXPECT_EQ(entries, std::size_t{kWaiters});
  }

  [[nodiscard]] bool is_somebody_held() const {
    if (holder() == Holder::network) return fake.stalled() > 0;
    const std::string transfers = test::slurp(mounted->path() / ".digestfs/transfers");
    return transfers.find("1.1TB") != std::string::npos;
  }

  void start_waiters() {
    if (holder() == Holder::disk) {
      meet_the_layers();
      plant();
    } else if (call() == Call::open) {
      fake.clear_handlers();
      meet_the_layers();
      stall();
    }
    for (int i = 0; i < kWaiters; ++i) waiters.emplace_back(call(), target(i));
    while (!is_somebody_held()) std::this_thread::sleep_for(1ms);
    // Let the rest arrive, too: they queue, on our side or in the kernel.
    std::this_thread::sleep_for(100ms);
  }

  /// The rest of the mount, from a process that is given up if it hangs.
  void expect_the_rest_answers() {
    Waiter list(Call::readdir, mounted->path() / "tags");
    EXPECT_EQ(list.result(kSoon), 0);
    Waiter blobs(Call::readdir, mounted->path() / "blobs");
    EXPECT_EQ(blobs.result(kSoon), 0);
    Waiter cached(Call::open, mounted->path() / "tags/cached/layers/00/diff");
    EXPECT_EQ(cached.result(kSoon), 0);
    if (holder() == Holder::network) return;
    // The registry is sound: what is small is asked for, fetched, hashed and unpacked meanwhile.
    for (const auto& [what, path] : {std::pair(Call::open, "tags/cached/manifest.json"),
                                     std::pair(Call::lookup, "tags/small/config.json"),
                                     std::pair(Call::open, "tags/small/layers/00/blob"),
                                     std::pair(Call::readdir, "tags/small/rootfs"),
                                     std::pair(Call::open, "tags/small/rootfs/small")}) {
      Waiter waiter(what, mounted->path() / path);
      EXPECT_EQ(waiter.result(kSoon), 0) << path;
    }
  }

  void expect_the_waiters_end() {
    int left = 0;
    for (Waiter& waiter : waiters) left += waiter.result(kSoon) ? 0 : 1;
    EXPECT_EQ(left, 0);
  }

  const test::TemporaryDirectory kept;
  FakeRegistry fake;
  test::ObjectSet set;
  std::string cached_diff;
  std::optional<test::Image> image;
  std::optional<test::Image> small;
  std::vector<std::filesystem::path> planted;
  std::optional<Mounted> mounted;
  std::vector<Waiter> waiters;
};

TEST_P(WaitingTest, LeavesTheRestOfTheMountAlone) {
  start_waiters();
  expect_the_rest_answers();
  // Whoever waits can be killed; a lookup is over by itself after five seconds.
  for (const Waiter& waiter : waiters) waiter.kill();
  expect_the_waiters_end();
  expect_the_rest_answers();
}

TEST_P(WaitingTest, B13EndsOnSigterm) {
  start_waiters();
  mounted->process().signal(SIGTERM);
  EXPECT_EQ(mounted->process().wait(kSoon), 0);
  EXPECT_FALSE(mounted->is_mounted());
  expect_the_waiters_end();
  expect_the_cache_is_in_order();
}

TEST_P(WaitingTest, B13EndsWhenItIsUnmountedLazily) {
  start_waiters();
  const test::TemporaryDirectory scratch;
  test::Process unmount({"fusermount3", "-uz", mounted->path().native()}, scratch.path() / "log");
  EXPECT_EQ(unmount.wait(kSoon), 0);
  EXPECT_EQ(mounted->process().wait(kSoon), 0);
  EXPECT_FALSE(mounted->is_mounted());
  expect_the_waiters_end();
  expect_the_cache_is_in_order();
}

/// The same but for lookups of one name, of which the kernel sends one at a time. Those behind it
/// cannot be interrupted.
class InterruptedTest : public WaitingTest {};

/// Ctrl-C ends whoever waits, and takes nothing from the others.
TEST_P(InterruptedTest, EndsAtOnce) {
  start_waiters();
  Waiter last = std::move(waiters.back());
  waiters.pop_back();
  for (const Waiter& waiter : waiters) waiter.signal(SIGINT);
  expect_the_waiters_end();
  // A lookup is over by itself after five seconds, and this machine may be slow.
  if (call() != Call::lookup) {
    EXPECT_EQ(last.result(0ms), std::nullopt);
  }
  expect_the_rest_answers();
}

std::vector<Scene> scenes() {
  std::vector<Scene> all;
  for (const Holder holder : {Holder::network, Holder::disk}) {
    for (const Call call : {Call::lookup, Call::open, Call::readdir}) {
      for (const Names names : {Names::one, Names::many}) all.push_back({call, names, holder});
    }
  }
  return all;
}

std::vector<Scene> interruptible_scenes() {
  std::vector<Scene> all = scenes();
  std::erase_if(all, [](const Scene& scene) {
    return scene.call == Call::lookup && scene.names == Names::one;
  });
  return all;
}

std::string name_of_scene(const testing::TestParamInfo<Scene>& scene) {
  return name_of(scene.param.call) + (scene.param.names == Names::one ? "OneName" : "ManyNames") +
         (scene.param.holder == Holder::network ? "" : "OnTheDisk");
}

INSTANTIATE_TEST_SUITE_P(Calls, WaitingTest, testing::ValuesIn(scenes()), name_of_scene);
INSTANTIATE_TEST_SUITE_P(Calls, InterruptedTest, testing::ValuesIn(interruptible_scenes()),
                         name_of_scene);

/// `cat` of what stalls ends at Ctrl-C at once.
TEST(Waiting, IsOverAtOnceOnASignal) {
  FakeRegistry fake;
  test::ObjectSet set;
  const auto image = test::add_image(set, {test::gzip_layer({{"file"}})});
  set.tag("t", image.manifest);
  fake.add(set);
  const Mounted mounted(DIGESTFS_BINARY, fake.source(), {"--timeout", "600"});
  static_cast<void>(test::slurp(mounted.path() / "tags/t/config.json"));
  fake.on(fake.path("/blobs/"), {.stall = true});
  const test::TemporaryDirectory scratch;
  test::Process cat({"cat", (mounted.path() / "tags/t/layers/00/blob").native()},
                    scratch.path() / "log");
  while (fake.stalled() == 0) std::this_thread::sleep_for(1ms);
  cat.signal(SIGINT);
  EXPECT_EQ(cat.wait(kSoon), 128 + SIGINT);
}

/// Who is killed while waiting takes nothing from who waits for the same.
TEST(Waiting, B12IsNotOverForTheOtherWhenOneIsKilled) {  // RTY-6
  FakeRegistry fake;
  test::ObjectSet set;
  const auto image = test::add_image(set, {test::gzip_layer({{"file"}})});
  set.tag("t", image.manifest);
  fake.add(set);
  const Mounted mounted(DIGESTFS_BINARY, fake.source(), {"--timeout", "600"});
  static_cast<void>(test::slurp(mounted.path() / "tags/t/config.json"));
  fake.on(fake.path("/blobs/"), {.stall = true});
  const std::string blob = mounted.path() / "tags/t/layers/00/blob";
  const test::TemporaryDirectory scratch;
  test::Process killed({"cat", blob}, scratch.path() / "killed");
  test::Process other({"cat", blob}, scratch.path() / "other");
  while (fake.stalled() == 0) std::this_thread::sleep_for(1ms);
  EXPECT_EQ(other.wait(200ms), -1);
  killed.signal(SIGKILL);
  EXPECT_EQ(killed.wait(kSoon), 128 + SIGKILL);
  EXPECT_EQ(other.wait(200ms), -1) << "it has ended, too";
  fake.clear_handlers();
  fake.release();
  EXPECT_EQ(other.wait(30s), 0);
  EXPECT_EQ(test::slurp(scratch.path() / "other"), set.objects().at(image.layers[0].digest).bytes);
  // The one that stalled, and the attempt after it.
  EXPECT_EQ(fake.count("GET", fake.path("/blobs/" + image.layers[0].digest.str())), 2U);
}

/// A shell is told of the end of its children all the time; what it waits for must not fail by
/// that, for a failure looks to it as if nothing were there. Ctrl-C after that still ends it.
TEST(Waiting, IsNotEndedByNewsOfAChild) {
  FakeRegistry fake;
  test::ObjectSet set;
  const auto image = test::add_image(set, {test::gzip_layer({{"file"}})});
  set.tag("t", image.manifest);
  fake.add(set);
  const Mounted mounted(DIGESTFS_BINARY, fake.source(), {"--timeout", "600"});
  static_cast<void>(test::slurp(mounted.path() / "tags/t/config.json"));
  fake.on(fake.path("/blobs/"), {.stall = true});
  struct sigaction heed {};
  heed.sa_handler = [](int) {};
  struct sigaction before {};
  ::sigaction(SIGCHLD, &heed, &before);  // the waiter inherits it
  Waiter waiter(Call::open, mounted.path() / "tags/t/layers/00/blob");
  ::sigaction(SIGCHLD, &before, nullptr);
  while (fake.stalled() == 0) std::this_thread::sleep_for(1ms);
  for (int i = 0; i < 3; ++i) {
    waiter.signal(SIGCHLD);
    EXPECT_EQ(waiter.result(200ms), std::nullopt) << "the news of a child ended its call";
  }
  waiter.signal(SIGTERM);
  EXPECT_EQ(waiter.result(kSoon), -SIGTERM);
}

/// A stall ends in an error that says why.
TEST(Waiting, EndsWithTheStall) {
  FakeRegistry fake;
  test::ObjectSet set;
  const auto image = test::add_image(set, {test::gzip_layer({{"file"}})});
  set.tag("t", image.manifest);
  fake.add(set);
  const Mounted mounted(DIGESTFS_BINARY, fake.source(), {"--timeout", "1"});
  fake.on(fake.path("/blobs/"), {.body = std::string(1000, 'x'), .stall_after = 10});
  Waiter waiter(Call::open, mounted.path() / "tags/t/layers/00/blob");
  EXPECT_EQ(waiter.result(kSoon), ETIMEDOUT);
  EXPECT_EQ(test::wrong_files(mounted.cache()), std::vector<std::string>());
}

/// The list of 10,000 tags costs its pages and nothing else, however it is looked at.
TEST(Waiting, IsNotNeededForTheListOfTags) {
  FakeRegistry fake;
  test::ObjectSet set;
  const auto image = test::add_image(set, {});
  fake.add(set);
  for (int i = 0; i < 10'000; ++i) fake.tag(str_cat("tag-", i), image.manifest.digest);
  fake.set_page_size(1000);
  const Mounted mounted(DIGESTFS_BINARY, fake.source());
  EXPECT_EQ(fake.requests().size(), 1U);  // the first page
  const test::TemporaryDirectory scratch;
  for (int i = 0; i < 2; ++i) {
    test::Process list({"ls", "-l", (mounted.path() / "tags").native()},
                       scratch.path() / str_cat("log", i));
    EXPECT_EQ(list.wait(60s), 0);
    const std::string lines = test::slurp(scratch.path() / str_cat("log", i));
    EXPECT_EQ(std::ranges::count(lines, '\n'), 10'001);
  }
  EXPECT_EQ(fake.requests().size(), 10U);
  EXPECT_EQ(fake.count("GET", fake.path("/tags/list")), 10U);
}

}  // namespace
}  // namespace digestfs
