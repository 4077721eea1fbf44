// SPDX-License-Identifier: Apache-2.0
#include "fs/fuse/passthrough.h"

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "base/log.h"
#include "base/text.h"

namespace digestfs::fs {
namespace {

/// Returns what keeps the kernel from reading by itself, for a backing that it refused.
std::string reason_of_refusal(int error) {
  switch (error) {
    case EPERM:
      return "only root outside of a user namespace may let the kernel read files by itself";
    case ELOOP:
      return "the cache is on a file system that is stacked on another one";
    default:
      return str_cat("the kernel refuses the files of the cache: ",
                     std::generic_category().message(error));
  }
}

/// Returns true for a limit that may have passed when the next file is opened.
bool is_passing(int error) noexcept {
  return error == ENOMEM || error == ENFILE || error == EMFILE;
}

}  // namespace

void Passthrough::allow() { table_.lock()->is_allowed = true; }

std::optional<Passthrough::Opening> Passthrough::join(std::unordered_map<InodeNumber, Use>& uses,
                                                      InodeNumber inode, int file) {
  const auto at = uses.find(inode);
  if (at == uses.end()) return std::nullopt;
  Use& use = at->second;
  if (use.file == OpenFile::kNotYet) {
    ++use.opens;
    return Opening{.way = Way::ask_for_now};
  }
  // The file that is in use stays open, so that no other file has its number.
  if (use.file != file) return Opening{.way = Way::impossible};
  ++use.opens;
  return Opening{.way = Way::by_itself, .backing = use.backing};
}

Passthrough::Opening Passthrough::open(InodeNumber inode, int file, Backings& backings) {
  // Most files are parts of a tar: they take no lock here.
  if (file == OpenFile::kNoFile) return {};
  {
    const auto table = table_.lock();
    if (const auto joined = join(table->uses, inode, file)) return *joined;
    if (!table->is_allowed) return {};
    if (file == OpenFile::kNotYet) {
      table->uses[inode].opens = 1;
      return {.way = Way::ask_for_now};
    }
  }
  const auto [backing, error] = backings.open(file);
  if (is_passing(error)) {
    throw std::system_error(error, std::generic_category(), "let the kernel read a file by itself");
  }
  if (error != 0) {
    const std::string reason = reason_of_refusal(error);
    {
      const auto table = table_.lock();
      // Another open of the inode may have had more luck, and the kernel does not mix them.
      if (const auto joined = join(table->uses, inode, file)) return *joined;
      if (!std::exchange(table->is_allowed, false)) return {};
    }
    state_.set_unused(reason);
    DIGESTFS_LOG(info, "the daemon reads the cache for the kernel: ", reason);
    return {};
  }
  try {
    if (table_.lock()->uses.try_emplace(inode, Use{file, backing, 1}).second) {
      state_.set_used();
      return {.way = Way::by_itself, .backing = backing};
    }
  } catch (...) {
    backings.close(backing);
    throw;
  }
  // Another open of the inode was faster.
  backings.close(backing);
  return open(inode, file, backings);
}

void Passthrough::release(InodeNumber inode, Way way, Backings& backings) noexcept {
  if (way != Way::by_itself && way != Way::ask_for_now) return;
  int backing = 0;
  {
    const auto table = table_.lock();
    const auto at = table->uses.find(inode);
    if (at == table->uses.end() || --at->second.opens > 0) return;
    backing = at->second.backing;
    table->uses.erase(at);
  }
  if (way == Way::by_itself) backings.close(backing);
}

bool Passthrough::is_used_for(InodeNumber inode) const {
  const auto table = table_.lock();
  const auto at = table->uses.find(inode);
  return at != table->uses.end() && at->second.file != OpenFile::kNotYet;
}

}  // namespace digestfs::fs
