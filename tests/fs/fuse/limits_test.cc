// SPDX-License-Identifier: Apache-2.0
// A limit of the system ends one request, never the process.

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <future>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fuse.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/handle.h"
#include "fs/fuse/error_number.h"
#include "fs/fuse/parking.h"
#include "fs/fuse/session.h"
#include "fs/static_directory.h"
#include "tests/support/costs.h"
#include "tests/support/served.h"

namespace digestfs::fs {
namespace {

/// Lets this process open no more files until it is destroyed.
class NoMoreFiles {
 public:
  NoMoreFiles() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit limit = before_;
    const UniqueFd next(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    limit.rlim_cur = static_cast<rlim_t>(next.get());
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  ~NoMoreFiles() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoMoreFiles(const NoMoreFiles&) = delete;
  NoMoreFiles& operator=(const NoMoreFiles&) = delete;

 private:
  rlimit before_{};
};

// The callback of open asked for attributes where nothing caught what that throws, and the process
// was terminated.
TEST(Limits, AnOpenWithoutADescriptorLeftFailsAloneAndTheMountLivesOn) {
  test::ObjectSet set;
  const auto image = add_image(set, {test::gzip_layer({{.name = "f", .content = "text"}})});
  set.tag("v1", image.manifest);
  const std::string diff = "diffs/" + image.diff_ids[0].str();
  test::Served served;
  served.mount(set);
  static_cast<void>(served.names("tags/v1/layers/00"));
  const std::string text = served.read(diff).text;
  // Of a diff that nothing but the cache knows, the size is that of its file.
  served.mount();
  const auto inode = served.kernel().walk(diff);
  // UBSan needs descriptors itself to check a type that it sees for the first time.
  const std::system_error no_file(EMFILE, std::generic_category());
  EXPECT_EQ(error_number(std::make_exception_ptr(no_file)), EMFILE);
  try {
    throw no_file;
  } catch (const std::exception& error) {
    EXPECT_NE(std::string(error.what()), "");
  }
  {
    const NoMoreFiles no_more_files;
    EXPECT_EQ(served.kernel().wait(served.kernel().send_open(inode)).error, EMFILE);
  }
  EXPECT_EQ(served.read(diff).text, text);
}

// Without memory to wait with, the request was answered, and once more when its flight landed.
TEST(Limits, ARequestThatFindsNoMemoryToWaitWithIsAnsweredOnce) {
  Parking parking;
  for (int allowed = 0; allowed < 30; ++allowed) {
    std::atomic<int> answers{0};
    const auto flight = std::make_shared<Flight>();
    const Parking::Attempt attempt = [&] { ++answers; };
    const Parking::Fail fail = [&](const std::exception_ptr&) { ++answers; };
    const Pending pending{flight, Clock::now() + std::chrono::hours(1)};
    test::fail_allocation_after(allowed);
    try {
      parking.wait(parking.enter(attempt, fail), pending);
    } catch (const std::bad_alloc&) {
      ++answers;  // as the callback does whose request was not parked
    }
    test::fail_allocation_after(-1);
    flight->land(nullptr);
    EXPECT_EQ(answers, 1) << "with " << allowed << " allocations";
  }
}

/// A directory on a disk that does not answer until it is told to.
class StuckDirectory final : public Directory {
 public:
  StuckDirectory(InodeNumber inode, std::promise<void>& is_asked, std::shared_future<void> answer)
      : Directory(inode), is_asked_(is_asked), answer_(std::move(answer)) {}

  [[nodiscard]] Attributes attributes() const override {
    is_asked_.set_value();
    answer_.wait();
    return {.type = FileType::directory};
  }
  [[nodiscard]] std::optional<Entry> lookup(std::string_view /*name*/,
                                            const Patience& /*patience*/) const override {
    return std::nullopt;
  }
  [[nodiscard]] Listing list(const Patience& /*patience*/) const override {
    return make_listing({});
  }

 private:
  std::promise<void>& is_asked_;
  std::shared_future<void> answer_;
};

// A read of a disk that hangs held the end of the mount for as long as it took.
TEST(Limits, AThreadThatTheDiskHoldsDoesNotHoldTheEnd) {
  std::promise<void> is_asked;
  std::promise<void> answer;
  Inodes inodes;
  inodes.intern<StuckDirectory>("/", is_asked, answer.get_future().share());
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
  UniqueFd kernel(ends[0]);
  const auto send = [&](std::uint32_t opcode, std::uint64_t inode, const auto& body) {
    fuse_in_header header{};
    header.len = sizeof header + sizeof body;
    header.opcode = opcode;
    header.unique = 2 + opcode;
    header.nodeid = inode;
    std::array<iovec, 2> parts{
        iovec{&header, sizeof header},
        iovec{const_cast<void*>(static_cast<const void*>(&body)), sizeof body}};
    return ::writev(kernel.get(), parts.data(), parts.size()) == static_cast<ssize_t>(header.len);
  };
  Session session(inodes, ends[1], {}, [] {});
  auto has_ended = std::async(std::launch::async, [&] { return session.run([] {}); });
  fuse_init_in hello{};
  hello.major = FUSE_KERNEL_VERSION;
  hello.minor = FUSE_KERNEL_MINOR_VERSION;
  ASSERT_TRUE(send(FUSE_INIT, 0, hello));
  std::array<char, 1024> greeting{};
  ASSERT_GT(::read(kernel.get(), greeting.data(), greeting.size()), 0);
  ASSERT_TRUE(send(FUSE_GETATTR, FUSE_ROOT_ID, fuse_getattr_in{}));
  is_asked.get_future().wait();
  kernel = UniqueFd();
  const bool is_in_time = has_ended.wait_for(std::chrono::seconds(60)) == std::future_status::ready;
  answer.set_value();
  EXPECT_TRUE(is_in_time);
  EXPECT_FALSE(has_ended.get());
}

/// Lets this process start two more threads, and no more. Only root can change to a user whose
/// threads are these alone.
void leave_room_for_two_threads(rlim_t running) {
  constexpr uid_t kNobodyElse = 1234567;
  const rlimit limit{running + 2, running + 2};
  ASSERT_EQ(::setrlimit(RLIMIT_NPROC, &limit), 0);
  ASSERT_EQ(::setresuid(kNobodyElse, kNobodyElse, kNobodyElse), 0);
}

// The threads before it served a mount that nobody watched, and were waited for without an end.
TEST(LimitsDeathTest, ASessionThatCannotStartAllItsThreadsEnds) {
  if (::getuid() != 0) GTEST_SKIP() << "only root can be another user";
  ::testing::GTEST_FLAG(death_test_style) = "threadsafe";
  const auto serve = [] {
    ::alarm(20);
    Inodes inodes;
    inodes.intern<StaticDirectory>("/", std::vector<Entry>());
    std::array<int, 2> ends{};
    ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data());
    Session session(inodes, ends[1], {}, [] {});
    leave_room_for_two_threads(2);  // this one, and the one of the parking
    try {
      static_cast<void>(session.run([] {}));
    } catch (const std::exception&) {
      ::_exit(7);
    }
    ::_exit(0);
  };
  EXPECT_EXIT(serve(), ::testing::ExitedWithCode(7), "");
}

}  // namespace
}  // namespace digestfs::fs
