// SPDX-License-Identifier: Apache-2.0
#include "fs/tree/findings.h"

#include "fs/tree/file_tree_builder.h"

namespace digestfs::fs {
namespace {

// Of what a finding quotes.
constexpr std::size_t kMaxQuoted = 1024;

}  // namespace

void Findings::add(std::string_view path, std::string_view detail) {
  if (all_.size() == kMost) {
    ++omitted_;
    return;
  }
  all_.push_back({shown_name(path), std::string(detail)});
}

std::string shown_name(std::string_view bytes) { return printable(bytes.substr(0, kMaxQuoted)); }

}  // namespace digestfs::fs
