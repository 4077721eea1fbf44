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

/// What was found, 1,000 in full: a layer has as many findings as whoever made it likes. The rest
/// is counted.
class Findings {
 public:
  void add(std::string_view path, std::string_view detail);
  [[nodiscard]] const std::vector<Finding>& all() const noexcept { return all_; }
  /// How many there were beyond those.
  [[nodiscard]] std::uint64_t omitted() const noexcept { return omitted_; }

 private:
  std::vector<Finding> all_;
  std::uint64_t omitted_ = 0;
};

/// The beginning of a text of the image's maker, printable, for a finding to quote.
[[nodiscard]] std::string quoted(std::string_view bytes);

}  // namespace digestfs::fs
