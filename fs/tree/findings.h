// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
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
  Findings() = default;
  /// Findings of an earlier time: at most `kMost` of them.
  Findings(std::vector<Finding> all, std::uint64_t omitted)
      : all_(std::move(all)), omitted_(omitted) {}

  /// How many findings are there in full.
  static constexpr std::size_t kMost = 1000;

  void add(std::string_view path, std::string_view detail);
  [[nodiscard]] const std::vector<Finding>& all() const noexcept { return all_; }
  /// Returns how many findings are only counted.
  [[nodiscard]] std::uint64_t omitted() const noexcept { return omitted_; }

 private:
  std::vector<Finding> all_;
  std::uint64_t omitted_ = 0;
};

/// Returns the beginning of a text from the image, printable, for a finding to quote.
[[nodiscard]] std::string shown_name(std::string_view bytes);

}  // namespace digestfs::fs
