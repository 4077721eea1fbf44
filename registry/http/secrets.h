// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>

#include "registry/http/url.h"

namespace digestfs::registry {

/// Texts that were sent in confidence. A server may repeat them, and no message may show them
/// (AUTH-18). A value.
class Secrets {
 public:
  /// Adds a text in every spelling in which it is sent.
  void add(std::string_view secret);
  /// Adds the values in the query of a URL that a registry leads to: they grant access (EP-8).
  void add_query_of(const Url& url);
  /// Adds all of `others`.
  void add(const Secrets& others);

  /// Returns true if some texts may not have been kept because there were too many. Then no message
  /// may quote what a server says.
  [[nodiscard]] bool is_full() const noexcept { return texts_.size() >= kMost; }

  /// Returns `text` with `***` in place of each secret, also of a secret of which only the
  /// beginning is left.
  [[nodiscard]] std::string hidden_in(std::string_view text) const;

 private:
  static constexpr std::size_t kMost = 500;

  void keep(std::string text);

  // The longest come first, so that no secret is cut by a part of itself.
  struct ByLength {
    bool operator()(const std::string& a, const std::string& b) const {
      return a.size() != b.size() ? a.size() > b.size() : a < b;
    }
  };
  std::set<std::string, ByLength> texts_;
};

}  // namespace digestfs::registry
