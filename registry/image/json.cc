// SPDX-License-Identifier: Apache-2.0
#include "registry/image/json.h"

#include <charconv>
#include <limits>
#include <system_error>
#include <unordered_set>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"

namespace digestfs::registry {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 128;
constexpr std::size_t kMaxNames = 10'000;  // at the top level

/// Checks the depth and the names at the top level before any of the document is built.
class Checker : public nlohmann::json_sax<json> {
 public:
  explicit Checker(NameCase names) : names_(names) {}

  bool null() override { return value("null", nullptr); }
  bool boolean(bool /*value*/) override { return value("boolean", nullptr); }
  bool number_integer(number_integer_t /*value*/) override { return value("number", nullptr); }
  bool number_unsigned(number_unsigned_t /*value*/) override { return value("number", nullptr); }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override {
    return value("number", nullptr);
  }
  bool string(string_t& text) override { return value("string", &text); }
  bool binary(binary_t& /*value*/) override { return true; }
  bool start_object(std::size_t /*elements*/) override {
    return value("object", nullptr) && enter();
  }
  bool end_object() override { return leave(); }
  bool start_array(std::size_t /*elements*/) override { return value("array", nullptr) && enter(); }
  bool end_array() override { return leave(); }
  bool key(string_t& name) override {
    if (depth_ != 1) return true;
    name_ = name;
    if (seen_.size() == kMaxNames) return refuse(str_cat("it has more than ", kMaxNames, " names"));
    if (seen_.insert(names_ == NameCase::folded ? folded(name) : name).second) return true;
    constexpr std::size_t kShown = 60;
    problem_ = str_cat("the name \"", escaped(shortened(name, kShown)), "\" is there twice");
    return false;
  }
  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*error*/) override {
    // The library's own message quotes the document, which may be the page of a login form.
    problem_ = str_cat("it is no JSON from byte ", position, " on");
    return false;
  }

  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }

 protected:
  /// Is called for each value, also when an object or a list begins. `text` is null unless the
  /// value is a text.
  virtual bool value(std::string_view /*type*/, const std::string* /*text*/) { return true; }

  bool refuse(const std::string& problem) {
    problem_ = problem;
    return false;
  }
  [[nodiscard]] int depth() const noexcept { return depth_; }
  /// The last name at the top level.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

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
  std::string name_;
  std::unordered_set<std::string> seen_;
  std::string problem_;
};

/// Passes on the elements of one list at the top level.
class ListReader final : public Checker {
 public:
  ListReader(std::string_view list, const TakeElement& take)
      : Checker(NameCase::matters), list_(list), take_(take) {}

 private:
  bool value(std::string_view type, const std::string* text) override {
    if (depth() == 0 && type != "object") return refuse("the answer is no JSON object");
    if (name() != list_) return true;
    if (depth() == 1 && type != "array" && type != "null") {
      return refuse(str_cat("\"", list_, "\" in the answer is no list"));
    }
    if (depth() == 2) take_(type, text);
    return true;
  }

  std::string_view list_;
  const TakeElement& take_;
};

/// Refuses what the library's parser does not notice.
void check_bytes(std::string_view bytes) {
  // The library skips a byte order mark. RFC 8259, 8.1 forbids it, and Go refuses it.
  if (bytes.starts_with("\xef\xbb\xbf")) {
    throw Error(Errc::corrupt, "it begins with a byte order mark");
  }
  // The library takes a NUL for the end of the document and ignores the rest.
  if (const auto nul = bytes.find('\0'); nul != std::string_view::npos) {
    throw Error(Errc::corrupt, str_cat("it is no JSON from byte ", nul + 1, " on"));
  }
}

/// The length of the well-formed UTF-8 sequence that `text` begins with; 0 if there is none
/// (Unicode, table 3-7).
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto continues = [&](std::size_t from, std::size_t end) {
    for (std::size_t i = from; i < end; ++i) {
      if ((byte(i) & 0xc0U) != 0x80U) return false;
    }
    return true;
  };
  const unsigned first = byte(0);
  const unsigned second = byte(1);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return continues(1, 2) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    // No overlong form, and no surrogate.
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f)) return 0;
    return continues(1, 3) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    // No overlong form, and nothing beyond U+10FFFF.
    if ((first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) return 0;
    return continues(1, 4) ? 4 : 0;
  }
  return 0;
}

/// Replaces what is not Unicode in the texts of a JSON document, in one pass. Outside of texts it
/// changes nothing: the parser refuses what does not belong there.
class Repair {
 public:
  explicit Repair(std::string_view bytes) : bytes_(bytes) {}

  [[nodiscard]] std::optional<std::string> run() {
    bool is_in_text = false;
    for (std::size_t at = 0; at < bytes_.size();) {
      const char c = bytes_[at];
      if (c == '"') is_in_text = !is_in_text;
      if (!is_in_text) {
        ++at;
      } else if (c == '\\') {
        at += escape(at);
      } else if (const std::size_t length = sequence_length(bytes_.substr(at)); length > 0) {
        at += length;
      } else {
        replace(at, 1, "\xef\xbf\xbd");
        ++at;
      }
    }
    if (!is_changed_) return std::nullopt;
    result_ += bytes_.substr(copied_);
    return std::move(result_);
  }

 private:
  /// Checks the escape at `at`, and returns how many bytes to skip.
  std::size_t escape(std::size_t at) {
    constexpr std::size_t kLength = 6;  // of \uXXXX
    const auto code = unit(at);
    if (!code || *code < 0xd800 || *code > 0xdfff) return 2;
    const auto next = unit(at + kLength);
    const bool is_pair = *code < 0xdc00 && next && *next >= 0xdc00 && *next <= 0xdfff;
    if (is_pair) return 2 * kLength;
    replace(at, kLength, "\\ufffd");
    return kLength;
  }

  /// The UTF-16 code unit of the escape \uXXXX at `at`; nothing if there is no such escape.
  [[nodiscard]] std::optional<unsigned> unit(std::size_t at) const {
    if (at + 6 > bytes_.size() || bytes_.substr(at, 2) != "\\u") return std::nullopt;
    unsigned code = 0;
    const char* const digits = bytes_.data() + at + 2;
    const auto [end, problem] = std::from_chars(digits, digits + 4, code, 16);
    if (problem != std::errc{} || end != digits + 4) return std::nullopt;
    return code;
  }

  void replace(std::size_t at, std::size_t length, std::string_view text) {
    result_ += bytes_.substr(copied_, at - copied_);
    result_ += text;
    copied_ = at + length;
    is_changed_ = true;
  }

  std::string_view bytes_;
  std::string result_;
  std::size_t copied_ = 0;  ///< How much of `bytes_` is in `result_`, or was replaced there.
  bool is_changed_ = false;
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

std::optional<std::string> with_replacements(std::string_view bytes) { return Repair(bytes).run(); }

nlohmann::json parse_json(std::string_view bytes, NameCase names) {
  check_bytes(bytes);
  const auto repaired = with_replacements(bytes);
  if (repaired) bytes = *repaired;
  Checker checker(names);
  if (!json::sax_parse(bytes, &checker)) throw Error(Errc::corrupt, checker.problem());
  return json::parse(bytes, nullptr, false);
}

void read_list(std::string_view bytes, std::string_view list, const TakeElement& take) {
  check_bytes(bytes);
  const auto repaired = with_replacements(bytes);
  if (repaired) bytes = *repaired;
  ListReader reader(list, take);
  if (!json::sax_parse(bytes, &reader)) throw Error(Errc::corrupt, reader.problem());
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
  // All other tools keep sizes in an int64.
  if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return std::nullopt;
  }
  return number;
}

}  // namespace digestfs::registry
