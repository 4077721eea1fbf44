// SPDX-License-Identifier: Apache-2.0
#include "registry/image/config.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"
#include "registry/image/descriptor_json.h"
#include "registry/image/json.h"

namespace digestfs::registry {
namespace {

using nlohmann::json;

void read_diff_ids(const json& document, ImageConfig& config) {
  const json* rootfs = member(document, "rootfs");
  if (rootfs == nullptr) return;
  const std::string type = text_member(*rootfs, "type");
  if (type != "layers") {
    // image-spec config.md: implementations MUST NOT go on with a value they do not know.
    config.problems.push_back(str_cat("its rootfs is of type \"", type, "\", not \"layers\""));
    return;
  }
  const json* diff_ids = member(*rootfs, "diff_ids");
  if (diff_ids == nullptr || !diff_ids->is_array()) return;
  for (const json& entry : *diff_ids) {
    const std::string text = entry.is_string() ? entry.get<std::string>() : std::string();
    auto digest = Digest::parse(text);
    if (!digest) {
      config.problems.push_back(
          str_cat("diff_id ", config.diff_ids.size(), ": \"", text, "\" is no digest"));
    }
    config.diff_ids.push_back(std::move(digest));
  }
}

/// CFG-2: the entries of the history without empty layers belong to the layers if there are as
/// many.
void read_history(const json& document, ImageConfig& config) {
  const json* history = member(document, "history");
  if (history == nullptr || !history->is_array()) return;
  std::vector<std::string> created_by;
  for (const json& entry : *history) {
    const json* empty = member(entry, "empty_layer");
    if (empty != nullptr && *empty == true) continue;
    created_by.push_back(text_member(entry, "created_by"));
  }
  if (created_by.size() == config.diff_ids.size()) config.created_by = std::move(created_by);
}

}  // namespace

ImageConfig parse_config(std::string_view bytes) {
  if (bytes.size() > kMaxConfigBytes) {
    throw Error(Errc::corrupt, str_cat("it is larger than ", kMaxConfigBytes, " bytes"));
  }
  const json document = parse_json(bytes, NameCase::folded);
  if (!document.is_object()) throw Error(Errc::corrupt, "it is no JSON object");
  if (member(document, "rootfs") == nullptr && member(document, "architecture") == nullptr) {
    throw Error(Errc::corrupt, "it is no image config: it has neither rootfs nor architecture");
  }
  ImageConfig config;
  if (with_replacements(bytes)) config.remarks.emplace_back(kReplacementRemark);
  config.platform = parse_platform_json(document);
  config.created = text_member(document, "created");
  read_diff_ids(document, config);
  read_history(document, config);
  return config;
}

}  // namespace digestfs::registry
