// SPDX-License-Identifier: Apache-2.0
#include "registry/local/containers/store_location.h"

#include "base/error.h"
#include "base/text.h"

namespace digestfs::registry {
namespace {

[[noreturn]] void refuse(std::string_view text, std::string_view why) {
  throw Error(Errc::unsupported,
              str_cat("cannot read 'containers-storage:", escaped(text), "': ", why));
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const auto at = text.find(separator);
    if (!text.substr(0, at).empty()) parts.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

}  // namespace

void StoreLocation::add_options(const std::vector<std::string>& options) {
  for (const std::string& option : options) {
    const auto equals = option.find('=');
    if (equals == std::string::npos) continue;
    // The name of the driver stands before the dot, or nothing.
    const auto dot = option.rfind('.', equals);
    const std::string key = option.substr(dot == std::string::npos ? 0 : dot + 1,
                                          equals - (dot == std::string::npos ? 0 : dot + 1));
    if (key != "imagestore" && key != "additionalimagestore") continue;
    for (const std::string& path : split(std::string_view(option).substr(equals + 1), ',')) {
      additional_stores.emplace_back(path);
    }
  }
}

StoreSpelling StoreSpelling::parse(std::string_view text) {
  StoreSpelling spelling;
  if (!text.starts_with('[')) {
    spelling.rest = text;
    return spelling;
  }
  const auto close = text.find(']');
  if (close == std::string_view::npos) refuse(text, "there is no ']'");
  std::string_view inside = text.substr(1, close - 1);
  spelling.rest = text.substr(close + 1);
  StoreLocation location;
  if (const auto at = inside.find('@'); at != std::string_view::npos) {
    location.driver = inside.substr(0, at);
    inside.remove_prefix(at + 1);
    if (location.driver.empty()) refuse(text, "there is no driver before '@'");
  }
  std::vector<std::string> options;
  if (const auto colon = inside.find(':'); colon != std::string_view::npos) {
    options = split(inside.substr(colon + 1), ',');
    inside = inside.substr(0, colon);
  }
  if (const auto plus = inside.find('+'); plus != std::string_view::npos) {
    location.run_root = inside.substr(plus + 1);
    if (!location.run_root.is_absolute()) refuse(text, "the path of the run root is not absolute");
    inside = inside.substr(0, plus);
  }
  location.root = inside;
  if (inside.empty()) refuse(text, "there is no path of the store in the brackets");
  if (!location.root.is_absolute()) refuse(text, "the path of the store is not absolute");
  location.add_options(options);
  spelling.location = std::move(location);
  return spelling;
}

}  // namespace digestfs::registry
