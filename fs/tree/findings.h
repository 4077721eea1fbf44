// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace digestfs::fs {

/// Something about a file of an image that its reader should know.
struct Finding {
  std::string path;    ///< within the tree, printable
  std::string detail;  ///< one sentence
};

/// The first 1,000 findings in full, and the number of the others: whoever makes a layer decides
/// how many it has.
class Findings {
 public:
  void add(std::string_view path, std::string_view detail);
  [[nodiscard]] const std::vector<Finding>& all() const noexcept { return all_; }
  /// Returns how many findings are only counted.
  [[nodiscard]] std::uint64_t omitted() const noexcept { return omitted_; }

 private:
  std::vector<Finding> all_;
  std::uint64_t omitted_ = 0;
};

/// Returns the beginning of a text from the image, printable, for a finding to quote.
[[nodiscard]] std::string quoted(std::string_view bytes);

}  // namespace digestfs::fs
