// SPDX-License-Identifier: Apache-2.0
#include "registry/host/warnings.h"

#include <cstddef>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "registry/http/failure.h"

namespace digestfs::registry {
namespace {

constexpr std::size_t kMaxWarnings = 100;

}  // namespace

Warnings::Warnings(std::string host) : host_(std::move(host)) {}

void Warnings::add(const std::string& text) {
  {
    const auto logged = logged_.lock();
    if (logged->size() >= kMaxWarnings || !logged->insert(text).second) return;
  }
  DIGESTFS_LOG(warning, text);
}

void Warnings::pass_on(const HttpHead& head, const Secrets& secrets) {
  constexpr std::string_view kStart = "299 - \"";
  for (const std::string& field : head.all("Warning")) {
    if (!field.starts_with(kStart) || !field.ends_with('"') || field.size() <= kStart.size()) {
      continue;
    }
    const auto text =
        std::string_view(field).substr(kStart.size(), field.size() - kStart.size() - 1);
    add(str_cat("the registry says: ", shown_text(text, secrets, 500), " host=", host_));
  }
}

}  // namespace digestfs::registry
