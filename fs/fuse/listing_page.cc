// SPDX-License-Identifier: Apache-2.0
#include "fs/fuse/listing_page.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include <fuse_lowlevel.h>
#include <linux/limits.h>

namespace digestfs::fs {
namespace {

/// The buffer that the thread keeps for its next page. A page takes it away as long as it lives:
/// should one thread ever make two at once, the second gets a buffer of its own.
std::vector<char>& spare_room() noexcept {
  thread_local std::vector<char> room;
  return room;
}

}  // namespace

ListingPage::ListingPage(fuse_req* request, std::size_t size, Plus plus)
    : request_(request), size_(size), plus_(plus), room_(std::exchange(spare_room(), {})) {
  if (room_.size() < size) room_.resize(size);
}

ListingPage::~ListingPage() { spare_room() = std::move(room_); }

bool ListingPage::add(std::string_view name, const fuse_entry_param& entry, off_t next) {
  if (name.size() > NAME_MAX) return true;
  // libfuse wants a terminated text.
  std::array<char, NAME_MAX + 1> text;
  *std::ranges::copy(name, text.begin()).out = '\0';
  const auto rest = std::span(room_).first(size_).subspan(used_);
  const std::size_t needed =
      plus_ == Plus::yes
          ? fuse_add_direntry_plus(request_, rest.data(), rest.size(), text.data(), &entry, next)
          : fuse_add_direntry(request_, rest.data(), rest.size(), text.data(), &entry.attr, next);
  if (needed > rest.size()) return false;
  used_ += needed;
  return true;
}

void ListingPage::reply() { fuse_reply_buf(request_, room_.data(), used_); }

}  // namespace digestfs::fs
