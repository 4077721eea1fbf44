// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "fs/node.h"

namespace digestfs::fs {

/// Returns a listing of `entries`, sorted as a listing is.
[[nodiscard]] inline Listing make_listing(std::vector<Entry> entries) {
  std::ranges::sort(entries, {}, [](const Entry& entry) { return entry.node->inode(); });
  return std::make_shared<const std::vector<Entry>>(std::move(entries));
}

/// Returns the entry `name` of `listing`, or nothing.
[[nodiscard]] inline std::optional<Entry> find_entry(const Listing& listing,
                                                     std::string_view name) {
  const auto at = std::ranges::find(*listing, name, &Entry::name);
  if (at == listing->end()) return std::nullopt;
  return *at;
}

/// A directory that never changes.
class StaticDirectory final : public Directory {
 public:
  StaticDirectory(InodeNumber inode, std::vector<Entry> entries, Xattrs xattrs = {})
      : Directory(inode), listing_(make_listing(std::move(entries))), xattrs_(std::move(xattrs)) {}

  [[nodiscard]] Attributes attributes() const override { return {.type = FileType::directory}; }
  [[nodiscard]] Xattrs xattrs() const override { return xattrs_; }
  [[nodiscard]] std::optional<Entry> lookup(std::string_view name,
                                            const Patience& /*patience*/) const override {
    return find_entry(listing_, name);
  }
  [[nodiscard]] Listing list(const Patience& /*patience*/) const override { return listing_; }

 private:
  // Constant after construction.
  Listing listing_;
  Xattrs xattrs_;
};

}  // namespace digestfs::fs
