// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>

#include "registry/http/url.h"

namespace digestfs::registry {

/// What was sent in confidence and must not be read in a message, whoever says it again (AUTH-18).
/// A value.
class Secrets {
 public:
  /// A text, in each spelling that it is sent in.
  void add(std::string_view secret);
  /// The values in the query of a URL that the registry leads to: they are what opens it (EP-8).
  void add_query_of(const Url& url);
  void add(const Secrets& others);

  /// Whether there are more than are kept: nothing of somebody else's is to be repeated then.
  [[nodiscard]] bool is_full() const noexcept { return texts_.size() >= kMost; }

  /// `text` without them, or without the beginning of one that was cut.
  [[nodiscard]] std::string hidden_in(std::string_view text) const;

 private:
  static constexpr std::size_t kMost = 500;

  void keep(std::string text);

  // The longest first, so that none is cut by a part of it.
  struct ByLength {
    bool operator()(const std::string& a, const std::string& b) const {
      return a.size() != b.size() ? a.size() > b.size() : a < b;
    }
  };
  std::set<std::string, ByLength> texts_;
};

}  // namespace digestfs::registry
