// SPDX-License-Identifier: Apache-2.0
#include "registry/http/failure.h"

#include <algorithm>
#include <cstddef>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "registry/image/json.h"

namespace digestfs::registry {
namespace {

constexpr std::string_view kTooMany = "TOOMANYREQUESTS";

struct Words {
  std::string code;
  std::string message;
};

/// The first line of a body in plain text, as some servers send it with a rate limit. HTML pages
/// and documents are not quoted.
std::string first_line(std::string_view body, const Secrets& secrets) {
  const std::string_view line = body.substr(0, body.find_first_of("\r\n"));
  return line.find_first_of("<{[") == std::string_view::npos ? shown_text(line, secrets)
                                                             : std::string();
}

/// The first of `errors` in the body (distribution-spec, "Error Codes").
Words words_of(std::string_view body, const Secrets& secrets) {
  try {
    const nlohmann::json document = parse_json(body, NameCase::matters);
    const nlohmann::json* errors = member(document, "errors");
    if (errors != nullptr && errors->is_array() && !errors->empty()) {
      // The first error, unless another one tells of a rate limit (RTY-4).
      const auto limit = std::ranges::find_if(*errors, [](const nlohmann::json& error) {
        return text_member(error, "code") == kTooMany;
      });
      const nlohmann::json& said = limit == errors->end() ? errors->front() : *limit;
      return {shown_text(text_member(said, "code"), secrets),
              shown_text(text_member(said, "message"), secrets)};
    }
    return {{}, shown_text(text_member(document, "details"), secrets)};
  } catch (const Error&) {
    return {{}, first_line(body, secrets)};
  }
}

Errc code_of(int status, const Words& words) {
  if (status == 429 || words.code == kTooMany) return Errc::rate_limited;
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

std::string shown_text(std::string_view text, const Secrets& secrets, std::size_t most) {
  // A hostile body of 64 KiB with as many secrets to look for would take too long.
  constexpr std::size_t kLooked = 4096;
  if (secrets.is_full()) return "***";
  const std::string line = on_one_line(std::string(text.substr(0, kLooked)));
  // Secrets are hidden before the text is cut: half a secret would not be found.
  return escaped(shortened(secrets.hidden_in(line), most));
}

Error failure_of(int status, std::string_view body, std::string_view who, const Secrets& secrets) {
  const Words words = words_of(body, secrets);
  std::string message = str_cat(status == 407 ? "the proxy" : who, " answered ", status);
  if (!words.code.empty()) message += str_cat(" ", words.code);
  if (!words.message.empty()) message += str_cat(" (", words.message, ")");
  const Errc code = code_of(status, words);
  if (status == 407) {
    message += "; it wants to know who asks";
  } else if (code == Errc::denied) {
    message += "; it does not exist, or is not for everybody";
  } else if (code == Errc::rate_limited) {
    message += "; try again later";
  }
  return {code, message};
}

Error failure_of(const HttpHead& head, std::string_view body, std::string_view who,
                 const Secrets& secrets) {
  Error error = failure_of(head.status, body, who, secrets);
  if (head.proxy.empty()) return error;
  return {error.code(), str_cat(error.what(), " (through the proxy ", head.proxy, ")")};
}

}  // namespace digestfs::registry
