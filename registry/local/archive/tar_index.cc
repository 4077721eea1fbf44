// SPDX-License-Identifier: Apache-2.0
#include "registry/local/archive/tar_index.h"

#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace digestfs::registry {
namespace {

using archive::TarType;

constexpr std::size_t kMaxMembers = 500'000;
constexpr std::size_t kMaxNameBytes = 4096;
constexpr std::size_t kMaxTextBytes = std::size_t{64} << 20U;
constexpr std::size_t kShownBytes = 256;
constexpr int kMaxLinks = 8;

/// Returns the part of a cleaned name before its last slash, with the slash.
std::string_view folder_of(std::string_view name) {
  const auto slash = name.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : name.substr(0, slash + 1);
}

}  // namespace

std::optional<std::string> clean_member_name(std::string_view name) {
  if (name.starts_with('/')) return std::nullopt;
  std::string clean;
  while (!name.empty()) {
    const auto slash = name.find('/');
    const std::string_view part = name.substr(0, slash);
    name.remove_prefix(slash == std::string_view::npos ? name.size() : slash + 1);
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (clean.empty()) return std::nullopt;
      const auto last = clean.rfind('/');
      clean.erase(last == std::string::npos ? 0 : last);
      continue;
    }
    if (!clean.empty()) clean += '/';
    clean += part;
  }
  if (clean.empty()) return std::nullopt;
  return clean;
}

TarIndex::TarIndex() : left_out_("the archive") {}

void TarIndex::take(archive::TarEntry entry) {
  if (++count_ > kMaxMembers) {
    throw Error(Errc::too_large, str_cat("it has more than ", kMaxMembers, " members"));
  }
  const bool is_link = entry.type == TarType::symlink || entry.type == TarType::hardlink;
  if (!is_link && entry.type != TarType::file) return;
  if (entry.name.size() > kMaxNameBytes || entry.link.size() > kMaxNameBytes) {
    left_out_.add(shortened(entry.name, kShownBytes),
                  str_cat("its name or target has more than ", kMaxNameBytes, " bytes"));
    return;
  }
  const auto name = clean_member_name(entry.name);
  if (!name) {
    left_out_.add(entry.name, "it leads out of the archive");
    return;
  }
  text_bytes_ += name->size() + entry.link.size();
  if (text_bytes_ > kMaxTextBytes) {
    throw Error(Errc::too_large, str_cat("the names of its members have more than ", kMaxTextBytes,
                                         " bytes together"));
  }
  Entry kept;
  kept.member = {.offset = entry.offset, .size = entry.size, .sparse = entry.sparse};
  if (is_link) {
    const bool is_symlink = entry.type == TarType::symlink;
    // An absolute target is no name in the archive, wherever it is thought to start.
    if (!entry.link.starts_with('/')) {
      kept.target = clean_member_name(str_cat(is_symlink ? folder_of(*name) : "", entry.link));
    }
    if (!kept.target) kept.reason = str_cat("the link ", *name, " leads out of the archive");
  }
  entries_.try_emplace(*name, std::move(kept));
}

TarIndex::Found TarIndex::look_up(std::string_view name) const {
  if (name.size() > kMaxNameBytes) {
    return {.member = {}, .reason = str_cat(shortened(name, kShownBytes), " is too long a name")};
  }
  auto wanted = clean_member_name(name);
  if (!wanted) return {.member = {}, .reason = str_cat(name, " leads out of the archive")};
  for (int links = 0; links <= kMaxLinks; ++links) {
    const auto at = entries_.find(*wanted);
    if (at == entries_.end()) {
      return {.member = {}, .reason = str_cat("the archive has no file ", *wanted)};
    }
    const Entry& entry = at->second;
    if (!entry.reason.empty()) return {.member = {}, .reason = entry.reason};
    if (!entry.target) return {.member = entry.member, .reason = {}};
    wanted = entry.target;
  }
  return {.member = {}, .reason = str_cat("too many links follow each other from ", name)};
}

}  // namespace digestfs::registry
