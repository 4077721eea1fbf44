// SPDX-License-Identifier: Apache-2.0
#include "fs/object/digest_file.h"

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/image_builder.h"
#include "tests/support/served.h"

namespace {

/// While it is true, the disk takes its time.
std::atomic<bool> is_disk_held{false};

}  // namespace

/// Instead of the one of the C library, in this program.
extern "C" int fdatasync(int fd) {
  is_disk_held.wait(true);
  return static_cast<int>(::syscall(SYS_fdatasync, fd));
}

namespace digestfs::fs {
namespace {

/// As long as it lives, nothing more gets to the disk.
struct HeldDisk {
  HeldDisk() { is_disk_held = true; }
  HeldDisk(const HeldDisk&) = delete;
  HeldDisk& operator=(const HeldDisk&) = delete;
  ~HeldDisk() {
    is_disk_held = false;
    is_disk_held.notify_all();
  }
};

// The disk may refuse it yet. Then the kernel drops it from memory, and whoever reads the file past
// the daemon gets what the disk has in its place (promise 1).
TEST(DigestFile, IsReadThroughTheDaemonUntilItIsOnTheDisk) {
  test::ObjectSet objects;
  const auto image = test::add_image(objects, {test::gzip_layer({{"file", "content"}})});
  objects.tag("t", image.manifest);
  test::Served served;
  served.mount(objects);
  std::optional<HeldDisk> held(std::in_place);
  const std::string path = "blobs/" + image.layers[0].digest.str();
  static_cast<void>(served.read(path));
  const auto& file = dynamic_cast<const File&>(served.node(served.kernel().walk(path)));
  const Opened opened = file.open(Patience::unlimited());
  EXPECT_EQ(opened.file->whole_file(), OpenFile::kNotYet);
  held.reset();
  const auto deadline = Clock::now() + std::chrono::seconds(30);
  while (opened.file->whole_file() == OpenFile::kNotYet && Clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_GE(opened.file->whole_file(), 0);
}

}  // namespace
}  // namespace digestfs::fs
