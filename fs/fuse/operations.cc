// SPDX-License-Identifier: Apache-2.0
#include "fs/fuse/operations.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/caller.h"
#include "base/error.h"
#include "base/log.h"
#include "fs/fact_names.h"
#include "fs/fuse/backing.h"
#include "fs/fuse/error_number.h"
#include "fs/fuse/listing_page.h"
#include "fs/fuse/stat.h"

namespace digestfs::fs {
namespace {

// Directory cookies: `.` and `..`, then the place of the last entry that was given, moved on.
constexpr off_t kAfterDot = 1;
constexpr off_t kAfterDotDot = 2;
// How long the parts of one listing may be apart.
constexpr std::chrono::seconds kListing{30};
// How long the kernel believes what can change. It asks again soon, and mostly gets what the daemon
// still believes; so what a SIGHUP makes the daemon forget is not shown for much longer.
constexpr std::chrono::seconds kKernelMemory{1};
// What follows the state of an object that the kernel reads by itself.
constexpr const char* kPassthroughState = " passthrough";

Operations& operations_of(fuse_req_t request) {
  return *static_cast<Operations*>(fuse_req_userdata(request));
}

/// How long the kernel may believe something that the daemon believes for `valid`, in seconds.
double seconds(Clock::duration valid) {
  const bool can_change = valid < kForever;
  return std::chrono::duration<double>(can_change ? std::min<Clock::duration>(valid, kKernelMemory)
                                                  : valid)
      .count();
}

/// The entry of `node`, to which a name leads for `valid`.
fuse_entry_param to_entry(const Operations& operations, const Node& node, Clock::duration valid) {
  const Attributes attributes = node.attributes();
  fuse_entry_param parameters{};
  parameters.ino = node.inode();
  parameters.attr = to_stat(node.inode(), attributes, operations.owner());
  parameters.attr_timeout = seconds(attributes.valid);
  parameters.entry_timeout = seconds(valid);
  return parameters;
}

/// The node `inode`; the kernel only asks for numbers that it was given.
const Node& node_of(const Operations& operations, fuse_ino_t inode) {
  const Node* node = operations.inodes().find(inode);
  if (node == nullptr) throw std::system_error(ESTALE, std::generic_category(), "unknown inode");
  return *node;
}

template <class T>
const T& node_as(const Operations& operations, fuse_ino_t inode, int otherwise) {
  const auto* node = dynamic_cast<const T*>(&node_of(operations, inode));
  if (node == nullptr) throw std::system_error(otherwise, std::generic_category());
  return *node;
}

void log_failure(const char* name, const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    if (error.code() == Errc::not_found || error.code() == Errc::interrupted) {
      DIGESTFS_LOG(debug, name, ": ", error.what());
    } else {
      DIGESTFS_LOG(error, name, ": ", error.what());
    }
  } catch (const std::exception& error) {
    DIGESTFS_LOG(error, name, ": ", error.what());
  } catch (...) {
    DIGESTFS_LOG(error, name, ": unknown failure");
  }
}

void reply_failure(fuse_req_t request, const char* name,
                   const std::exception_ptr& failure) noexcept {
  try {
    log_failure(name, failure);
  } catch (...) {
    // Without memory for the line there is no line; the reply needs none.
  }
  fuse_reply_err(request, error_number(failure));
}

/// Runs `body`, and answers `request` with the failure if `body` throws, which it does only before
/// it has replied. Every callback in which anything can fail goes through here or `answer`: an
/// exception that reaches libfuse ends the process.
template <class Body>
void guard(fuse_req_t request, const char* name, const Body& body) noexcept {
  try {
    body();
  } catch (...) {
    reply_failure(request, name, std::current_exception());
  }
}

void on_interrupt(fuse_req_t request, void* id) {
  // By number, not by pointer: the request may be answered while libfuse calls this.
  operations_of(request).parking().interrupt(reinterpret_cast<Parking::Id>(id));
}

/// The one way in which a request is answered. `operation(patience)` completes a value, replies
/// with it and returns; or throws before it has replied.
template <class Operation>
void answer(fuse_req_t request, const char* name, Patience patience, Operation operation) noexcept {
  Pending pending;
  try {
    operation(patience);
    return;
  } catch (Pending& thrown) {
    pending = std::move(thrown);
  } catch (...) {
    reply_failure(request, name, std::current_exception());
    return;
  }
  guard(request, name, [&] {
    Parking& parking = operations_of(request).parking();
    const auto id = parking.enter(
        [operation = std::move(operation), patience]() mutable { operation(patience); },
        [request, name](const std::exception_ptr& failure) {
          reply_failure(request, name, failure);
        },
        [caller = fuse_req_ctx(request)->pid] { return has_given_up(caller); });
    // From here on nothing throws, and `parking` answers; once it has, the request is gone.
    fuse_req_interrupt_func(request, on_interrupt, reinterpret_cast<void*>(id));
    parking.wait(id, std::move(pending));
  });
}

template <class Operation>
void answer(fuse_req_t request, const char* name, Operation operation) noexcept {
  answer(request, name, Patience::unlimited(), std::move(operation));
}

void init(void* userdata, fuse_conn_info* connection) {
  // Attributes come with the names; AUTO would ask for them one by one after the first page.
  connection->want |= connection->capable & FUSE_CAP_READDIRPLUS;
  connection->want &= ~static_cast<unsigned>(FUSE_CAP_READDIRPLUS_AUTO);
  connection->want |= connection->capable &
                      (FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_ASYNC_READ | FUSE_CAP_AUTO_INVAL_DATA |
                       FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_NO_OPENDIR_SUPPORT);
  // Splicing loses against plain copies once readahead is large (measured).
  connection->want &=
      ~static_cast<unsigned>(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
  auto& operations = *static_cast<Operations*>(userdata);
  try {
    if (auto& passthrough = operations.passthrough()) {
      if (ask_for_passthrough(*connection, operations.channel())) {
        passthrough->allow();
      } else {
        passthrough->refuse("the kernel does not offer it (Linux does from 6.9 on)");
      }
    }
    operations.is_ready();
  } catch (const std::exception& error) {
    DIGESTFS_LOG(error, "cannot say that the mount is ready: ", error.what());
  }
}

// NOLINTNEXTLINE(bugprone-exception-escape): clang-tidy 14 does not see that guard catches all.
void lookup(fuse_req_t request, fuse_ino_t parent, const char* name) noexcept {
  const auto operation = [request, parent](const std::string& wanted, const Patience& patience) {
    const Operations& operations = operations_of(request);
    const auto& directory = node_as<Directory>(operations, parent, ENOTDIR);
    fuse_entry_param parameters{};
    if (const auto entry = directory.lookup(wanted, patience)) {
      parameters = to_entry(operations, *entry->node, entry->valid);
    } else {
      // Inode 0 is an absence that the kernel may remember; ENOENT would be asked again.
      parameters.entry_timeout = seconds(directory.absence_valid());
    }
    fuse_reply_entry(request, &parameters);
  };
  guard(request, "lookup", [&] {
    answer(request, "lookup", Patience::of_lookup(),
           [operation, wanted = std::string(name)](const Patience& patience) {
             operation(wanted, patience);
           });
  });
}

void forget(fuse_req_t request, fuse_ino_t /*inode*/, std::uint64_t /*lookups*/) noexcept {
  fuse_reply_none(request);  // nodes live as long as the mount
}

void forget_multi(fuse_req_t request, std::size_t /*count*/, fuse_forget_data* /*data*/) noexcept {
  fuse_reply_none(request);
}

void getattr(fuse_req_t request, fuse_ino_t inode, fuse_file_info* /*file*/) noexcept {
  answer(request, "getattr", [request, inode](const Patience&) {
    const Operations& operations = operations_of(request);
    const Node& node = node_of(operations, inode);
    const Attributes attributes = node.attributes();
    const struct stat status = to_stat(inode, attributes, operations.owner());
    fuse_reply_attr(request, &status, seconds(attributes.valid));
  });
}

void readlink(fuse_req_t request, fuse_ino_t inode) noexcept {
  answer(request, "readlink", [request, inode](const Patience&) {
    const auto& link = node_as<Symlink>(operations_of(request), inode, EINVAL);
    fuse_reply_readlink(request, link.target().c_str());
  });
}

void opendir(fuse_req_t request, fuse_ino_t /*inode*/, fuse_file_info* /*file*/) noexcept {
  // Once: from then on the kernel opens directories by itself and keeps their pages (engine.md 3c);
  // those that change show it by their time. So to open a tree's own directory does not enter it.
  fuse_reply_err(request, ENOSYS);
}

void read_directory(fuse_req_t request, fuse_ino_t inode, std::size_t size, off_t offset,
                    ListingPage::Plus plus) noexcept {
  answer(request, "readdir", [request, inode, size, offset, plus](const Patience& patience) {
    const Operations& operations = operations_of(request);
    const auto& directory = node_as<Directory>(operations, inode, ENOTDIR);
    ListingPage page(request, size, plus);
    const auto dot = [&](const char* name, off_t next) {
      // Without attributes: for these two the kernel wants none.
      fuse_entry_param self{};
      self.attr.st_ino = inode;
      self.attr.st_mode = S_IFDIR;
      return page.add(name, self, next);
    };
    bool room = true;
    if (offset < kAfterDot) room = dot(".", kAfterDot);
    if (room && offset < kAfterDotDot) room = dot("..", kAfterDotDot);
    const auto past = static_cast<Position>(std::max(offset, kAfterDotDot) - kAfterDotDot);
    // Who comes back for the rest goes on with what the beginning was taken from, and asks nobody.
    const Patience of_listing =
        past == 0 ? patience : Patience{patience.since - kListing, patience.limit};
    if (room) {
      directory.visit(
          past,
          [&](const Shown& entry, Position position) {
            return page.add(entry.name, to_entry(operations, *entry.node, entry.valid),
                            static_cast<off_t>(position) + kAfterDotDot);
          },
          of_listing);
    }
    page.reply();
  });
}

void readdir(fuse_req_t request, fuse_ino_t inode, std::size_t size, off_t offset,
             fuse_file_info* /*file*/) noexcept {
  read_directory(request, inode, size, offset, ListingPage::Plus::no);
}

void readdirplus(fuse_req_t request, fuse_ino_t inode, std::size_t size, off_t offset,
                 fuse_file_info* /*file*/) noexcept {
  read_directory(request, inode, size, offset, ListingPage::Plus::yes);
}

/// Closes an open file that has a handle.
void close_file(Operations& operations, fuse_ino_t inode, std::uint64_t handle) noexcept {
  if (auto& passthrough = operations.passthrough()) {
    KernelBackings backings(operations.session());
    passthrough->release(inode, OpenFiles::way_of(handle), backings);
  }
  // After its backing, which is known by its descriptor.
  operations.open_files().release(handle);
}

/// Gives `opened`, which is `node` open, a handle, and replies with that. `info` becomes the reply.
void reply_opened(fuse_req_t request, const File& node, fuse_file_info& info, Opened opened) {
  Operations& operations = operations_of(request);
  const int whole_file = opened.file->whole_file();
  const Opened::Caching caching = opened.caching;
  info.fh = operations.open_files().keep(std::move(opened));
  Passthrough::Opening opening;
  if (auto& passthrough = operations.passthrough()) {
    try {
      KernelBackings backings(operations.session());
      opening = passthrough->open(node.inode(), whole_file, backings);
    } catch (...) {
      operations.open_files().release(info.fh);
      throw;
    }
  }
  OpenFiles::way_of(info.fh) = opening.way;
  if (opening.way == Way::impossible) {
    operations.open_files().release(info.fh);
    // The kernel then looks the name up again, once, and opens what the name leads to by then.
    node.replace();
    fuse_reply_err(request, ESTALE);
    return;
  }
  info.direct_io = caching == Opened::Caching::bypass ? 1U : 0U;
  // The kernel refuses both at once: there are no pages to keep of what it reads by itself.
  info.keep_cache = opening.backing == 0 && caching == Opened::Caching::keep ? 1U : 0U;
  info.noflush = 1U;
  const std::uint64_t handle = info.fh;
  // Of an interrupted open the kernel wants to hear no more, not even the release.
  if (reply_open(request, info, opening.backing) != 0) {
    close_file(operations, node.inode(), handle);
  }
}

void open(fuse_req_t request, fuse_ino_t inode, fuse_file_info* file) noexcept {
  if ((file->flags & O_ACCMODE) != O_RDONLY) {
    fuse_reply_err(request, EROFS);
    return;
  }
  answer(request, "open",
         [request, inode, before = std::optional<Attributes>(),
          info = *file](const Patience& patience) mutable {
           Operations& operations = operations_of(request);
           const auto& node = node_as<File>(operations, inode, EISDIR);
           // Of the first attempt: by the last one the size may have become exact.
           if (!before) before = node.attributes();
           Opened opened = node.open(patience);
           if (before->valid != kForever && node.attributes().size != before->size) {
             // A placeholder went: whoever sees this reply must see the true size. Attributes only,
             // which takes no lock that this request could hold.
             fuse_lowlevel_notify_inval_inode(operations.session(), inode, -1, 0);
           }
           reply_opened(request, node, info, std::move(opened));
         });
}

void read(fuse_req_t request, fuse_ino_t /*inode*/, std::size_t size, off_t offset,
          fuse_file_info* file) noexcept {
  // A copy: the file may be closed while a parked read is still waiting.
  answer(request, "read",
         [request, size, offset, open = OpenFiles::at(file->fh)](const Patience& patience) {
           thread_local std::vector<std::byte> buffer;
           if (buffer.size() < size) buffer.resize(size);
           const std::size_t got = open.read(std::span(buffer).first(size),
                                             static_cast<std::uint64_t>(offset), patience);
           fuse_reply_buf(request, reinterpret_cast<const char*>(buffer.data()), got);
         });
}

void release(fuse_req_t request, fuse_ino_t inode, fuse_file_info* file) noexcept {
  close_file(operations_of(request), inode, file->fh);
  fuse_reply_err(request, 0);
}

void statfs(fuse_req_t request, fuse_ino_t /*inode*/) noexcept {
  struct statvfs status {};
  status.f_bsize = 4096;
  status.f_frsize = 4096;
  status.f_namemax = 255;
  fuse_reply_statfs(request, &status);
}

/// Replies with `value` as getxattr(2) and listxattr(2) want it: its size, or itself where it fits.
void reply_xattr(fuse_req_t request, std::string_view value, std::size_t size) {
  if (size == 0) {
    fuse_reply_xattr(request, value.size());
  } else if (size < value.size()) {
    fuse_reply_err(request, ERANGE);
  } else {
    fuse_reply_buf(request, value.data(), value.size());
  }
}

/// Returns the extended attributes of a node, and whether the kernel reads its file by itself.
Xattrs xattrs_of(Operations& operations, fuse_ino_t inode) {
  Xattrs xattrs = node_of(operations, inode).xattrs();
  const auto& passthrough = operations.passthrough();
  if (passthrough && passthrough->is_used_for(inode)) xattrs[kFactState] += kPassthroughState;
  return xattrs;
}

void getxattr(fuse_req_t request, fuse_ino_t inode, const char* name, std::size_t size) noexcept {
  const auto operation = [request, inode, size](const std::string& wanted) {
    const Xattrs xattrs = xattrs_of(operations_of(request), inode);
    const auto at = xattrs.find(wanted);
    if (at == xattrs.end()) {
      fuse_reply_err(request, ENODATA);
    } else {
      reply_xattr(request, at->second, size);
    }
  };
  guard(request, "getxattr", [&] {
    answer(request, "getxattr",
           [operation, wanted = std::string(name)](const Patience&) { operation(wanted); });
  });
}

void listxattr(fuse_req_t request, fuse_ino_t inode, std::size_t size) noexcept {
  answer(request, "listxattr", [request, inode, size](const Patience&) {
    std::string names;
    for (const auto& [name, value] : node_of(operations_of(request), inode).xattrs()) {
      names += name;
      names += '\0';
    }
    reply_xattr(request, names, size);
  });
}

fuse_lowlevel_ops make_table() {
  // flush stays out: ENOSYS once is cheaper than an answer at every close.
  fuse_lowlevel_ops table{};
  table.init = init;
  table.lookup = lookup;
  table.forget = forget;
  table.forget_multi = forget_multi;
  table.getattr = getattr;
  table.readlink = readlink;
  table.opendir = opendir;
  table.readdir = readdir;
  table.readdirplus = readdirplus;
  table.open = open;
  table.read = read;
  table.release = release;
  table.statfs = statfs;
  table.getxattr = getxattr;
  table.listxattr = listxattr;
  return table;
}

}  // namespace

Operations::Operations(const Inodes& inodes, Parking& parking, PassthroughState* passthrough,
                       std::function<void()> ready)
    : inodes_(inodes), parking_(parking), ready_(std::move(ready)), owner_{::getuid(), ::getgid()} {
  if (passthrough != nullptr) passthrough_.emplace(*passthrough);
}

const fuse_lowlevel_ops& Operations::table() {
  static const fuse_lowlevel_ops table = make_table();
  return table;
}

}  // namespace digestfs::fs
