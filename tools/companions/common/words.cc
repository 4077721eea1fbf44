// SPDX-License-Identifier: Apache-2.0
#include "tools/companions/common/words.h"

#include "base/text.h"

namespace digestfs::companions {

std::string size_text(std::optional<std::uint64_t> bytes) {
  return bytes ? digestfs::size_text(*bytes) : "?";
}

std::string age_text(std::chrono::seconds age) {
  const auto seconds = age.count();
  const auto minutes = seconds / 60;
  const auto hours = minutes / 60;
  if (seconds < 1) return "just now";
  if (seconds < 60) return str_cat(counted(static_cast<std::size_t>(seconds), "second"), " ago");
  if (minutes < 60) return str_cat(counted(static_cast<std::size_t>(minutes), "minute"), " ago");
  if (hours < 48) return str_cat(counted(static_cast<std::size_t>(hours), "hour"), " ago");
  const auto days = hours / 24;
  if (days < 14) return str_cat(days, " days ago");
  if (days < 60) return str_cat(days / 7, " weeks ago");
  if (days < 730) return str_cat(days / 30, " months ago");
  return str_cat(days / 365, " years ago");
}

std::string counted(std::size_t count, std::string_view noun) {
  return str_cat(count, " ", noun, count == 1 ? "" : "s");
}

std::string digest_text(const Digest& digest, Digests digests) {
  if (digests == Digests::whole) return digest.str();
  constexpr std::size_t kBrief = 12;
  return std::string(digest.encoded().substr(0, kBrief));
}

std::string digest_text(const std::optional<Digest>& digest, Digests digests) {
  return digest ? digest_text(*digest, digests) : "-";
}

}  // namespace digestfs::companions
