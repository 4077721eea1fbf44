// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_kernel.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <utility>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"

namespace digestfs::test {
namespace {

constexpr std::size_t kMaxMessage = std::size_t{1} << 20U;
constexpr int kPatienceMs = 10000;

template <class T>
std::string raw(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string c_string(std::string_view text) { return std::string(text) + '\0'; }

}  // namespace

std::string FakeKernel::Reply::text() const {
  return {reinterpret_cast<const char*>(body.data()), body.size()};
}

FakeKernel::FakeKernel(const fs::Inodes& inodes, std::function<void()> quiesce, const Hello& said) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    throw_system_error("make a socketpair");
  }
  socket_ = UniqueFd(ends[0]);
  // The session may still write when this end is gone; the program ignores that signal too.
  std::signal(SIGPIPE, SIG_IGN);
  const int room = static_cast<int>(kMaxMessage);
  ::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  ::setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  session_ = std::make_unique<fs::Session>(
      inodes, ends[1], fs::SessionOptions{.name = "test", .passthrough = said.passthrough}, [] {});
  serving_ = std::jthread([this, quiesce = std::move(quiesce)] {
    static_cast<void>(session_->run(quiesce));  // a busy machine may take longer
  });
  fuse_init_in hello{};
  hello.major = FUSE_KERNEL_VERSION;
  hello.minor = FUSE_KERNEL_MINOR_VERSION;
  hello.max_readahead = 128 << 10;
  hello.flags = FUSE_ASYNC_READ | FUSE_DO_READDIRPLUS | FUSE_READDIRPLUS_AUTO |
                FUSE_PARALLEL_DIROPS | FUSE_NO_OPENDIR_SUPPORT | FUSE_AUTO_INVAL_DATA |
                FUSE_CACHE_SYMLINKS | FUSE_BIG_WRITES | FUSE_INIT_EXT |
                static_cast<std::uint32_t>(said.offered);
  hello.flags2 = static_cast<std::uint32_t>(said.offered >> 32U);
  const Reply reply = call(FUSE_INIT, 0, raw(hello));
  if (reply.error != 0) throw std::runtime_error("INIT failed");
  hello_ = reply.as<fuse_init_out>();
}

FakeKernel::~FakeKernel() {
  if (serving_.joinable()) release_all();
  socket_ = UniqueFd();
  if (serving_.joinable()) serving_.join();
}

void FakeKernel::release_all() {
  while (receive(0)) {
  }
  for (const auto& [handle, inode] : std::exchange(handles_, {})) {
    fuse_release_in release{};
    release.fh = handle;
    call(FUSE_RELEASE, inode, raw(release));
  }
}

void FakeKernel::hang_up() {
  release_all();
  ::shutdown(socket_.get(), SHUT_WR);
  serving_.join();
}

std::uint64_t FakeKernel::send(std::uint32_t opcode, std::uint64_t inode, std::string_view body) {
  fuse_in_header header{};
  header.len = static_cast<std::uint32_t>(sizeof header + body.size());
  header.opcode = opcode;
  header.unique = last_unique_ += 2;
  header.nodeid = inode;
  header.uid = ::getuid();
  header.gid = ::getgid();
  header.pid = 0;  // as of a process that we cannot see
  const std::string message = raw(header) + std::string(body);
  if (::send(socket_.get(), message.data(), message.size(), 0) < 0) throw_system_error("send");
  return header.unique;
}

bool FakeKernel::receive(int timeout_ms) {
  pollfd waiting{socket_.get(), POLLIN, 0};
  if (::poll(&waiting, 1, timeout_ms) <= 0) return false;
  message_.resize(kMaxMessage + 4096);
  const ssize_t got = ::recv(socket_.get(), message_.data(), message_.size(), 0);
  if (got < static_cast<ssize_t>(sizeof(fuse_out_header))) return false;
  fuse_out_header header{};
  std::memcpy(&header, message_.data(), sizeof header);
  EXPECT_EQ(header.len, static_cast<std::uint32_t>(got));
  Reply reply;
  reply.unique = header.unique;
  reply.error = header.unique == 0 ? header.error : -header.error;
  reply.body.assign(message_.begin() + sizeof header, message_.begin() + got);
  if (header.unique == 0) {
    notifications_.push_back(std::move(reply));
  } else {
    const bool twice = std::ranges::any_of(
        replies_, [&](const Reply& other) { return other.unique == reply.unique; });
    EXPECT_FALSE(twice) << "request " << reply.unique << " was answered twice";
    if (const auto at = opens_.find(reply.unique); at != opens_.end()) {
      if (reply.error == 0) handles_.emplace(reply.as<fuse_open_out>().fh, at->second);
      opens_.erase(at);
    }
    replies_.push_back(std::move(reply));
  }
  return true;
}

bool FakeKernel::has_reply(std::uint64_t unique) {
  while (receive(0)) {
  }
  return std::ranges::any_of(replies_, [&](const Reply& r) { return r.unique == unique; });
}

FakeKernel::Reply FakeKernel::wait(std::uint64_t unique) {
  for (;;) {
    const auto at = std::ranges::find(replies_, unique, &Reply::unique);
    if (at != replies_.end()) {
      Reply reply = std::move(*at);
      replies_.erase(at);
      return reply;
    }
    if (!receive(kPatienceMs)) throw std::runtime_error("no reply within 10 s");
  }
}

FakeKernel::Reply FakeKernel::call(std::uint32_t opcode, std::uint64_t inode,
                                   std::string_view body) {
  return wait(send(opcode, inode, body));
}

std::uint64_t FakeKernel::send_lookup(std::uint64_t parent, std::string_view name) {
  return send(FUSE_LOOKUP, parent, c_string(name));
}

FakeKernel::Reply FakeKernel::lookup(std::uint64_t parent, std::string_view name) {
  return wait(send_lookup(parent, name));
}

void FakeKernel::interrupt(std::uint64_t unique) {
  fuse_interrupt_in body{};
  body.unique = unique;
  send(FUSE_INTERRUPT, 0, raw(body));
}

std::uint64_t FakeKernel::walk(std::string_view path) {
  std::uint64_t inode = FUSE_ROOT_ID;
  while (!path.empty()) {
    const auto slash = path.find('/');
    const Reply reply = lookup(inode, path.substr(0, slash));
    inode = reply.as<fuse_entry_out>().nodeid;
    if (reply.error != 0 || inode == 0) {
      throw std::runtime_error("cannot walk " + std::string(path) + ": error " +
                               std::to_string(reply.error));
    }
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  }
  return inode;
}

std::vector<FakeKernel::DirectoryEntry> FakeKernel::list(std::uint64_t inode) {
  std::vector<DirectoryEntry> entries;
  for (std::uint64_t cookie = 0;;) {
    const Reply reply = wait(send_list(inode, cookie));
    if (reply.error != 0) {
      throw std::runtime_error("cannot list: error " + std::to_string(reply.error));
    }
    if (reply.body.empty()) return entries;
    for (std::size_t at = 0; at < reply.body.size();) {
      fuse_direntplus plus{};
      std::memcpy(&plus, reply.body.data() + at, FUSE_NAME_OFFSET_DIRENTPLUS);
      DirectoryEntry entry;
      entry.name.assign(
          reinterpret_cast<const char*>(reply.body.data() + at + FUSE_NAME_OFFSET_DIRENTPLUS),
          plus.dirent.namelen);
      entry.inode = plus.dirent.ino;
      entry.cookie = cookie = plus.dirent.off;
      entry.entry = plus.entry_out;
      at += FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET_DIRENTPLUS + plus.dirent.namelen);
      if (entry.name != "." && entry.name != "..") entries.push_back(std::move(entry));
    }
  }
}

std::uint64_t FakeKernel::send_open(std::uint64_t inode, std::uint32_t flags) {
  fuse_open_in body{};
  body.flags = flags;
  const auto unique = send(FUSE_OPEN, inode, raw(body));
  opens_.emplace(unique, inode);
  return unique;
}

std::uint64_t FakeKernel::send_list(std::uint64_t inode, std::uint64_t cookie) {
  fuse_read_in body{};
  body.offset = cookie;
  body.size = 1024;
  return send(FUSE_READDIRPLUS, inode, raw(body));
}

FakeKernel::Reply FakeKernel::read(std::uint64_t inode, std::uint64_t handle, std::uint64_t offset,
                                   std::uint32_t size) {
  fuse_read_in body{};
  body.fh = handle;
  body.offset = offset;
  body.size = size;
  return call(FUSE_READ, inode, raw(body));
}

FakeKernel::Content FakeKernel::read_file(std::uint64_t inode) {
  const Reply opened = wait(send_open(inode));
  if (opened.error != 0) return {opened.error, {}};
  Content content;
  const auto handle = opened.as<fuse_open_out>().fh;
  for (;;) {
    const Reply reply = read(inode, handle, content.text.size(), 64 << 10);
    content.error = reply.error;
    if (reply.error != 0 || reply.body.empty()) break;
    content.text += reply.text();
  }
  fuse_release_in release{};
  release.fh = handle;
  call(FUSE_RELEASE, inode, raw(release));
  handles_.erase(handle);
  return content;
}

std::string FakeKernel::readlink(std::uint64_t inode) { return call(FUSE_READLINK, inode).text(); }

fuse_attr_out FakeKernel::getattr(std::uint64_t inode) {
  return call(FUSE_GETATTR, inode, raw(fuse_getattr_in{})).as<fuse_attr_out>();
}

std::optional<std::string> FakeKernel::xattr(std::uint64_t inode, std::string_view name) {
  const Reply reply = getxattr(inode, name, 64 << 10);
  if (reply.error == ENODATA) return std::nullopt;
  EXPECT_EQ(reply.error, 0);
  return reply.text();
}

FakeKernel::Reply FakeKernel::getxattr(std::uint64_t inode, std::string_view name,
                                       std::uint32_t size) {
  fuse_getxattr_in body{};
  body.size = size;
  if (name.empty()) return call(FUSE_LISTXATTR, inode, raw(body));
  // The request is the size, padding, and the name.
  return call(FUSE_GETXATTR, inode, raw(body) + c_string(name));
}

}  // namespace digestfs::test
