// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace digestfs::registry {

/// An absolute http or https URL without user, password or fragment. Valid by construction.
/// libcurl parses it, so that the host that is checked is the host that is connected to.
class Url {
 public:
  /// Throws `Errc::corrupt` with what is wrong. The message holds nothing of a query.
  [[nodiscard]] static Url parse(std::string_view text);
  /// Returns the URL that `reference`, relative or absolute, means on the page of this URL (RFC
  /// 3986, 5). Throws as `parse`.
  [[nodiscard]] Url resolve(std::string_view reference) const;

  [[nodiscard]] const std::string& str() const noexcept { return text_; }
  [[nodiscard]] const std::string& scheme() const noexcept { return scheme_; }
  [[nodiscard]] const std::string& host() const noexcept { return host_; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// The query with its `?`. Empty if there is none.
  [[nodiscard]] const std::string& query() const noexcept { return query_; }
  /// `https://host:port`, always with the port. Two URLs may get the same secret only if their
  /// origins are equal.
  [[nodiscard]] const std::string& origin() const noexcept { return origin_; }
  /// The URL for messages, without the query, which may be a secret (AUTH-18).
  [[nodiscard]] std::string redacted() const;

 private:
  Url() = default;

  std::string text_;
  std::string scheme_;
  std::string host_;
  std::string path_;
  std::string query_;
  std::string origin_;
};

/// Encodes `text` as a value in a query (RFC 3986, 2.1).
[[nodiscard]] std::string percent_encoded(std::string_view text);
/// Undoes `percent_encoded`. A text that is not encoded stays as it is.
[[nodiscard]] std::string percent_decoded(std::string_view text);

}  // namespace digestfs::registry
