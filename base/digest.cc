// SPDX-License-Identifier: Apache-2.0
#include "base/digest.h"

#include <algorithm>
#include <array>
#include <ostream>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace digestfs {
namespace {

// A digest is a file name in the tree and in the cache (DIG-6).
constexpr std::size_t kMaxLength = 255;

struct KnownAlgorithm {
  std::string_view name;
  std::size_t hex_length;
  bool verifiable;
};

// image-spec descriptor.md, "Registered algorithms", and go-digest's sha384 (DIG-2).
constexpr std::array<KnownAlgorithm, 4> kKnown = {
    {{"sha256", 64, true}, {"sha384", 96, true}, {"sha512", 128, true}, {"blake3", 64, false}}};

const KnownAlgorithm* find_known(std::string_view name) noexcept {
  const auto* const found = std::ranges::find(kKnown, name, &KnownAlgorithm::name);
  return found == kKnown.end() ? nullptr : found;
}

bool is_lower_alnum(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool is_algorithm(std::string_view text) noexcept {
  bool after_separator = true;
  for (const char c : text) {
    if (is_lower_alnum(c)) {
      after_separator = false;
    } else if (std::string_view("+._-").find(c) != std::string_view::npos && !after_separator) {
      after_separator = true;
    } else {
      return false;
    }
  }
  return !after_separator;
}

bool is_encoded(std::string_view text) noexcept {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return is_lower_alnum(c) || (c >= 'A' && c <= 'Z') || c == '=' || c == '_' || c == '-';
  });
}

bool is_lower_hex(std::string_view text) noexcept {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

std::optional<Digest> Digest::parse(std::string_view text) {
  if (text.size() > kMaxLength) return std::nullopt;
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view algorithm = text.substr(0, colon);
  const std::string_view encoded = text.substr(colon + 1);
  if (!is_algorithm(algorithm) || !is_encoded(encoded)) return std::nullopt;
  if (const KnownAlgorithm* known = find_known(algorithm)) {
    if (encoded.size() != known->hex_length || !is_lower_hex(encoded)) return std::nullopt;
  }
  return Digest(std::string(text));
}

std::optional<Digest> Digest::parse_hyphenated(std::string_view text) {
  const std::size_t hyphen = text.find('-');
  if (hyphen == std::string_view::npos || text.find(':') != std::string_view::npos) {
    return std::nullopt;
  }
  // Only of algorithms we know: `a-b` of an unknown one could be cut in several places.
  if (find_known(text.substr(0, hyphen)) == nullptr) return std::nullopt;
  std::string spelled(text);
  spelled[hyphen] = ':';
  return parse(spelled);
}

std::string_view Digest::algorithm() const noexcept {
  return std::string_view(text_).substr(0, text_.find(':'));
}

std::string_view Digest::encoded() const noexcept {
  return std::string_view(text_).substr(text_.find(':') + 1);
}

bool Digest::is_verifiable() const noexcept {
  const KnownAlgorithm* known = find_known(algorithm());
  return known != nullptr && known->verifiable;
}

std::ostream& operator<<(std::ostream& out, const Digest& digest) { return out << digest.str(); }

void Hasher::Free::operator()(evp_md_ctx_st* context) const noexcept { EVP_MD_CTX_free(context); }

Hasher::Hasher(std::string_view algorithm) : algorithm_(algorithm), context_(EVP_MD_CTX_new()) {
  const EVP_MD* type = nullptr;
  if (algorithm == "sha256") type = EVP_sha256();
  if (algorithm == "sha384") type = EVP_sha384();
  if (algorithm == "sha512") type = EVP_sha512();
  if (type == nullptr) {
    throw Error(Errc::unsupported, str_cat("cannot verify content: digest algorithm ", algorithm,
                                           " is not supported"));
  }
  if (!context_ || EVP_DigestInit_ex(context_.get(), type, nullptr) != 1) {
    throw std::bad_alloc();
  }
}

void Hasher::update(std::span<const std::byte> bytes) {
  if (EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1) {
    throw Error(Errc::corrupt, "cannot hash: libcrypto refused the data");
  }
}

Digest Hasher::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> value;
  unsigned int size = 0;
  if (EVP_DigestFinal_ex(context_.get(), value.data(), &size) != 1) {
    throw Error(Errc::corrupt, "cannot hash: libcrypto gave no digest");
  }
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text = algorithm_ + ':';
  for (const unsigned char byte : std::span(value).first(size)) {
    text += kHex[byte >> 4U];
    text += kHex[byte & 15U];
  }
  return Digest::parse(text).value();
}

Digest digest_of(std::string_view bytes, std::string_view algorithm) {
  Hasher hasher(algorithm);
  hasher.update(as_bytes(bytes));
  return hasher.finish();
}

std::string hashing_library() {
  return str_cat("OpenSSL ", ::OpenSSL_version(OPENSSL_VERSION_STRING));
}

}  // namespace digestfs
