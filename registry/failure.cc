// SPDX-License-Identifier: Apache-2.0
#include "registry/failure.h"

#include <cstddef>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "registry/json.h"

namespace digestfs::registry {
namespace {

struct Words {
  std::string code;
  std::string message;
};

/// At most a line's worth, and nothing that could pass for another line.
std::string shown(std::string text) {
  constexpr std::size_t kMost = 200;
  if (text.size() > kMost) text.resize(kMost);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  return text;
}

/// The first of `errors` in the body (distribution-spec, "Error Codes").
Words words_of(std::string_view body) {
  try {
    const nlohmann::json document = parse_json(body, NameCase::matters);
    const nlohmann::json* errors = member(document, "errors");
    if (errors != nullptr && errors->is_array() && !errors->empty()) {
      return {shown(text_member(errors->front(), "code")),
              shown(text_member(errors->front(), "message"))};
    }
    return {{}, shown(text_member(document, "details"))};
  } catch (const Error&) {
    return {};
  }
}

Errc code_of(int status, const Words& words) {
  if (status == 429 || words.code == "TOOMANYREQUESTS") return Errc::rate_limited;
  switch (status) {
    case 401:
    case 403:
    case 407:
    case 451:
      return Errc::denied;
    case 404:
    case 410:
      return Errc::not_found;
    default:
      // A redirect gets here only when it leads nowhere.
      return status == 408 || status == 425 || status == 499 || status >= 500 ? Errc::unavailable
                                                                              : Errc::corrupt;
  }
}

}  // namespace

Error failure_of(int status, std::string_view body, std::string_view who) {
  const Words words = words_of(body);
  std::string message = str_cat(who, " answered ", status);
  if (!words.code.empty()) message += str_cat(" ", words.code);
  if (!words.message.empty()) message += str_cat(" (", words.message, ")");
  const Errc code = code_of(status, words);
  if (code == Errc::denied) {
    message += "; it does not exist, or is not for everybody";
  } else if (code == Errc::rate_limited) {
    message += "; try again later";
  }
  return {code, message};
}

}  // namespace digestfs::registry
