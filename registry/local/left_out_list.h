// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "registry/source.h"

namespace digestfs::registry {

/// What a list had to leave out: at most 1000 records, the last of which counts all for which there
/// is no room.
class LeftOutList {
 public:
  /// `list` names the list in the record that counts.
  explicit LeftOutList(std::string list) : list_(std::move(list)) {}

  void add(std::string name, std::string reason);
  /// Adds the records of another list.
  void add_all(const std::vector<LeftOut>& others);

  [[nodiscard]] const std::vector<LeftOut>& records() const noexcept { return records_; }
  [[nodiscard]] std::vector<LeftOut> take() && { return std::move(records_); }

 private:
  std::string list_;
  std::vector<LeftOut> records_;
  std::size_t further_ = 0;
};

}  // namespace digestfs::registry
