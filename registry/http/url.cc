// SPDX-License-Identifier: Apache-2.0
#include "registry/http/url.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <new>

#include "base/error.h"
#include "base/text.h"
#include "registry/http/curl.h"
#include "registry/http/field.h"

namespace digestfs::registry {
namespace {

[[noreturn]] void throw_bad_url(std::string_view text, std::string_view why) {
  constexpr std::size_t kShown = 200;
  std::string_view shown = text.substr(0, std::min(text.find('?'), kShown));
  // The text before an @ may be a password.
  if (const auto at = text.rfind('@'); at != std::string_view::npos) shown = {};
  throw Error(Errc::corrupt, str_cat("\"", shown, "\" cannot be used as a URL: ", why));
}

/// Refuses characters that are not allowed in a URL: curl would encode them.
void check_characters(std::string_view text) {
  const auto is_plain = [](char c) { return c > ' ' && c < '\x7f'; };
  if (!std::ranges::all_of(text, is_plain)) throw_bad_url("", "it has unusual characters");
}

std::string part_of(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return {};
  return CurlText(text).get();
}

}  // namespace

Url Url::parse(std::string_view text) {
  check_characters(text);
  const CurlUrl url(curl_url());
  if (!url) throw std::bad_alloc();
  const CURLUcode code = curl_url_set(url.get(), CURLUPART_URL, std::string(text).c_str(),
                                      CURLU_DISALLOW_USER | CURLU_PATH_AS_IS);
  if (code != CURLUE_OK) throw_bad_url(text, curl_url_strerror(code));
  curl_url_set(url.get(), CURLUPART_FRAGMENT, nullptr, 0);
  Url parsed;
  parsed.scheme_ = part_of(url.get(), CURLUPART_SCHEME);
  if (parsed.scheme_ != "http" && parsed.scheme_ != "https") {
    throw_bad_url(text, "it is neither http nor https");
  }
  parsed.host_ = lower_case(part_of(url.get(), CURLUPART_HOST));
  parsed.path_ = part_of(url.get(), CURLUPART_PATH);
  parsed.query_ = part_of(url.get(), CURLUPART_QUERY);
  if (!parsed.query_.empty()) parsed.query_.insert(0, 1, '?');
  parsed.origin_ = str_cat(parsed.scheme_, "://", parsed.host_, ":",
                           part_of(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT));
  parsed.text_ = part_of(url.get(), CURLUPART_URL);
  return parsed;
}

Url Url::resolve(std::string_view reference) const {
  check_characters(reference);
  const CurlUrl url(curl_url());
  if (!url) throw std::bad_alloc();
  curl_url_set(url.get(), CURLUPART_URL, text_.c_str(), CURLU_PATH_AS_IS);
  const CURLUcode code = curl_url_set(url.get(), CURLUPART_URL, std::string(reference).c_str(),
                                      CURLU_DISALLOW_USER | CURLU_NON_SUPPORT_SCHEME);
  if (code != CURLUE_OK) throw_bad_url(reference, curl_url_strerror(code));
  return parse(part_of(url.get(), CURLUPART_URL));
}

std::string Url::redacted() const { return text_.substr(0, text_.find('?')); }

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kUnreserved =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    if (kUnreserved.find(c) != std::string_view::npos) {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded += '%';
      encoded += kHex[byte >> 4U];
      encoded += kHex[byte & 0xfU];
    }
  }
  return encoded;
}

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned byte = 0;
    const char* const digits = text.data() + i + 1;
    const bool is_encoded = text[i] == '%' && text.size() - i > 2 &&
                            std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2;
    decoded += is_encoded ? static_cast<char>(byte) : text[i];
    if (is_encoded) i += 2;
  }
  return decoded;
}

}  // namespace digestfs::registry
