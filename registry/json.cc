// SPDX-License-Identifier: Apache-2.0
#include "registry/json.h"

#include <limits>
#include <unordered_set>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"

namespace digestfs::registry {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 128;

/// Looks at the document before any of it is built: depth, and names at the top.
class Checker final : public nlohmann::json_sax<json> {
 public:
  explicit Checker(NameCase names) : names_(names) {}

  bool null() override { return true; }
  bool boolean(bool /*value*/) override { return true; }
  bool number_integer(number_integer_t /*value*/) override { return true; }
  bool number_unsigned(number_unsigned_t /*value*/) override { return true; }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { return true; }
  bool string(string_t& /*value*/) override { return true; }
  bool binary(binary_t& /*value*/) override { return true; }
  bool start_object(std::size_t /*elements*/) override { return enter(); }
  bool end_object() override { return leave(); }
  bool start_array(std::size_t /*elements*/) override { return enter(); }
  bool end_array() override { return leave(); }
  bool key(string_t& name) override {
    if (depth_ != 1) return true;
    if (seen_.insert(names_ == NameCase::folded ? folded(name) : name).second) return true;
    constexpr std::size_t kShown = 60;
    problem_ = str_cat("the name \"", escaped(shortened(name, kShown)), "\" is there twice");
    return false;
  }
  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*error*/) override {
    // The library's own sentence quotes the document; it may be a page of somebody's login form.
    problem_ = str_cat("it is no JSON from byte ", position, " on");
    return false;
  }

  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }

 private:
  bool enter() {
    if (++depth_ <= kMaxDepth) return true;
    problem_ = str_cat("it is nested deeper than ", kMaxDepth);
    return false;
  }
  bool leave() {
    --depth_;
    return true;
  }

  NameCase names_;
  int depth_ = 0;
  std::unordered_set<std::string> seen_;
  std::string problem_;
};

}  // namespace

std::string folded(std::string_view name) {
  // The two characters outside ASCII that fold to letters in it (Unicode CaseFolding: K, ſ).
  constexpr std::string_view kKelvin = "\xe2\x84\xaa";
  constexpr std::string_view kLongS = "\xc5\xbf";
  std::string text;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const std::string_view rest = name.substr(i);
    if (rest.starts_with(kKelvin)) {
      text += 'k';
      i += kKelvin.size() - 1;
    } else if (rest.starts_with(kLongS)) {
      text += 's';
      i += kLongS.size() - 1;
    } else {
      const char c = name[i];
      text += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  return text;
}

nlohmann::json parse_json(std::string_view bytes, NameCase names) {
  // The library skips a byte order mark; RFC 8259, 8.1 wants none, and Go refuses it.
  if (bytes.starts_with("\xef\xbb\xbf")) {
    throw Error(Errc::corrupt, "it begins with a byte order mark");
  }
  // The library takes a NUL for the end and never looks at what is behind it.
  if (const auto nul = bytes.find('\0'); nul != std::string_view::npos) {
    throw Error(Errc::corrupt, str_cat("it is no JSON from byte ", nul + 1, " on"));
  }
  Checker checker(names);
  if (!json::sax_parse(bytes, &checker)) throw Error(Errc::corrupt, checker.problem());
  return json::parse(bytes, nullptr, false);
}

const json* member(const json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto at = object.find(std::string(key));
  return at == object.end() || at->is_null() ? nullptr : &*at;
}

std::string text_member(const json& object, std::string_view key) {
  const json* found = member(object, key);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

std::optional<std::uint64_t> number_member(const json& object, std::string_view key) {
  const json* found = member(object, key);
  if (found == nullptr || !found->is_number_unsigned()) return std::nullopt;
  const auto number = found->get<std::uint64_t>();
  // Sizes are int64 everywhere in the field.
  if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return std::nullopt;
  }
  return number;
}

}  // namespace digestfs::registry
