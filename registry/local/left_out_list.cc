// SPDX-License-Identifier: Apache-2.0
#include "registry/local/left_out_list.h"

#include <utility>

#include "base/text.h"

namespace digestfs::registry {
namespace {

constexpr std::size_t kMaxRecords = 1000;

}  // namespace

void LeftOutList::add(std::string name, std::string reason) {
  if (records_.size() < kMaxRecords) {
    records_.push_back({std::move(name), std::move(reason)});
    return;
  }
  // The last record counts itself and all for which there is no room.
  ++further_;
  records_.back() = {list_, str_cat(further_ + 1, " further entries cannot be used")};
}

void LeftOutList::add_all(const std::vector<LeftOut>& others) {
  for (const LeftOut& other : others) add(other.name, other.reason);
}

}  // namespace digestfs::registry
