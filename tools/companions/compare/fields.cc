// SPDX-License-Identifier: Apache-2.0
#include "tools/companions/compare/fields.h"

#include <cstddef>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "registry/image/json.h"

namespace digestfs::companions {
namespace {

using nlohmann::json;

/// Returns `path` and the name `key` below it, as jq(1) writes it: a name that would not be clear
/// is a text of JSON.
std::string joined(const std::string& path, const std::string& key) {
  const bool is_plain = !key.empty() && key.find_first_of(".\"\\") == std::string::npos;
  return str_cat(path, path.empty() ? "" : ".",
                 is_plain ? key : json(key).dump(-1, ' ', false, json::error_handler_t::replace));
}

std::string value_text(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// Adds the variables of `config.Env`, of which each is a text `NAME=VALUE`. A list that is not of
/// this kind, or that has a name twice, is one field.
void add_environment(const json& list, const std::string& path, Fields& fields) {
  Fields variables;
  for (const json& element : list) {
    const std::string text = element.is_string() ? element.get<std::string>() : std::string();
    const std::size_t sign = text.find('=');
    if (sign == std::string::npos ||
        !variables.emplace(joined(path, text.substr(0, sign)), text.substr(sign + 1)).second) {
      fields[path] = value_text(list);
      return;
    }
  }
  fields.merge(variables);
}

// The depth of what `parse_json` returns is bounded.
void add(const json& value, const std::string& path, Fields& fields) {
  if (path == "config.Env" && value.is_array()) {
    add_environment(value, path, fields);
  } else if (path == "history" && value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      add(value[i], str_cat(path, i < 10 ? ".0" : ".", i), fields);
    }
  } else if (value.is_object() && !value.empty()) {
    for (const auto& [name, inner] : value.items()) {
      add(inner, joined(path, name), fields);
    }
  } else if (!value.is_null()) {
    // An empty list or object says the same as none: tools that convert configs leave it out.
    const bool is_nothing = value.is_structured() && value.empty() && path.find("config.") == 0 &&
                            path.find('.', 7) == std::string::npos;
    if (!is_nothing) fields[path] = value_text(value);
  }
}

}  // namespace

Fields config_fields(std::string_view config) {
  Fields fields;
  json document = registry::parse_json(config, registry::NameCase::matters);
  if (document.is_object()) document.erase("rootfs");
  add(document, "", fields);
  return fields;
}

Fields annotation_fields(const registry::Annotations& annotations) {
  Fields fields;
  for (const auto& [key, value] : annotations) fields[joined("annotations", key)] = value;
  return fields;
}

Fields descriptor_fields(const registry::Descriptor& descriptor, const std::string& path) {
  Fields fields;
  if (!descriptor.media_type.empty()) fields[path + ".mediaType"] = descriptor.media_type;
  if (!descriptor.artifact_type.empty()) fields[path + ".artifactType"] = descriptor.artifact_type;
  for (const auto& [key, value] : descriptor.annotations) {
    fields[joined(path + ".annotations", key)] = value;
  }
  return fields;
}

std::vector<FieldChange> compare_fields(const Fields& a, const Fields& b) {
  std::vector<FieldChange> changes;
  auto in_a = a.begin();
  auto in_b = b.begin();
  while (in_a != a.end() || in_b != b.end()) {
    if (in_b == b.end() || (in_a != a.end() && in_a->first < in_b->first)) {
      changes.push_back({.field = in_a->first, .a = in_a->second});
      ++in_a;
    } else if (in_a == a.end() || in_b->first < in_a->first) {
      changes.push_back({.field = in_b->first, .b = in_b->second});
      ++in_b;
    } else {
      if (in_a->second != in_b->second) {
        changes.push_back({.field = in_a->first, .a = in_a->second, .b = in_b->second});
      }
      ++in_a;
      ++in_b;
    }
  }
  return changes;
}

}  // namespace digestfs::companions
