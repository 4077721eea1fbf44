// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include <sys/types.h>

struct fuse_entry_param;
struct fuse_req;

namespace digestfs::fs {

/// A part of a listing, as the reply to READDIR or READDIRPLUS. Pages of one thread use the same
/// buffer, one after the other.
class ListingPage {
 public:
  /// Says whether the page has the attributes of its entries.
  enum class Plus { no, yes };

  /// A page for `request`, of `size` bytes at most.
  ListingPage(fuse_req* request, std::size_t size, Plus plus);
  ListingPage(const ListingPage&) = delete;
  ListingPage& operator=(const ListingPage&) = delete;
  ~ListingPage();

  /// Adds an entry. `next` is the cookie behind it. Returns false if there is no room for it. A
  /// name of more than 255 bytes is left out, because no program has room for it.
  [[nodiscard]] bool add(std::string_view name, const fuse_entry_param& entry, off_t next);

  /// Answers the request with the page.
  void reply();

 private:
  // Constant after construction.
  fuse_req* request_;
  std::size_t size_;
  Plus plus_;

  std::vector<char> room_;
  std::size_t used_ = 0;
};

}  // namespace digestfs::fs
