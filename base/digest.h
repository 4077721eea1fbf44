// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

// Digests (image-spec descriptor.md, "Digests") and the hashing that proves them. The one place
// that knows OpenSSL.

struct evp_md_ctx_st;

namespace digestfs {

/// The name of some bytes: `algorithm:encoded`. Every `Digest` is well-formed (DIG-1, DIG-2): for a
/// known algorithm it has lower-case hex of the right length, and it is short enough to be a file
/// name. An unknown algorithm that matches the grammar is allowed (DIG-3): such a digest can be
/// shown, but content can never be verified against it.
class Digest {
 public:
  /// Returns nothing if `text` is not a digest. Never normalises: upper-case hex is refused.
  [[nodiscard]] static std::optional<Digest> parse(std::string_view text);

  /// Does the same for the colon-free spelling `sha256-<hex>`.
  [[nodiscard]] static std::optional<Digest> parse_hyphenated(std::string_view text);

  [[nodiscard]] const std::string& str() const noexcept { return text_; }
  [[nodiscard]] std::string_view algorithm() const noexcept;
  [[nodiscard]] std::string_view encoded() const noexcept;
  /// Returns true if content can be checked against this digest: sha256, sha384 or sha512.
  [[nodiscard]] bool is_verifiable() const noexcept;

  friend bool operator==(const Digest&, const Digest&) = default;
  // clang-tidy 14 takes the 0 that the compiler compares with for a null pointer.
  friend auto operator<=>(const Digest&, const Digest&) = default;  // NOLINT(modernize-use-nullptr)

 private:
  explicit Digest(std::string text) : text_(std::move(text)) {}

  std::string text_;
};

std::ostream& operator<<(std::ostream& out, const Digest& digest);

/// Hashes a stream of bytes with one algorithm.
class Hasher {
 public:
  /// Throws `Errc::unsupported` for an algorithm that is not verifiable.
  explicit Hasher(std::string_view algorithm);

  void update(std::span<const std::byte> bytes);
  /// Returns the digest of everything so far. Call once.
  [[nodiscard]] Digest finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const noexcept;
  };

  std::string algorithm_;
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

/// Returns the digest of `bytes`.
[[nodiscard]] Digest digest_of(std::string_view bytes, std::string_view algorithm = "sha256");

/// Returns the name and the version of the library that hashes.
[[nodiscard]] std::string hashing_library();

}  // namespace digestfs

template <>
struct std::hash<digestfs::Digest> {
  std::size_t operator()(const digestfs::Digest& digest) const noexcept {
    return std::hash<std::string>()(digest.str());
  }
};
