// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/flight.h"
#include "registry/http/http.h"
#include "registry/http/secrets.h"
#include "registry/http/url.h"

namespace digestfs::registry {

/// Which redirects are followed.
enum class Follow {
  all,
  to_registries,  ///< Those to where another registry has the same thing (`repository_of`).
  none,
};

/// A question to a registry.
struct Question {
  Method method = Method::get;
  std::string target;  ///< `/v2/…`, made of validated parts or sent by the registry itself.
  std::vector<Field> fields = {};
  Follow redirects = Follow::all;
  bool decode = false;  ///< See `HttpRequest`.
  /// A token that was given before this time is not used (AUTH-13).
  std::optional<Clock::time_point> token_since = {};
  /// The answer may take as long as it keeps moving. Any other answer is small: one that takes
  /// long is dripped on purpose, and holds up one of few threads.
  bool is_long = false;
  /// The answer depends on who asks, even if the host answers everybody: the host is greeted first.
  bool depends_on_login = false;
  /// Another registry led here. The question is not led on to a third registry.
  bool is_led_here = false;
};

/// What came back in the end. The body of a 2xx went to the receiver.
struct Reply {
  HttpHead head;
  std::string failure_body;          ///< The body of any other status, at most 64 KiB of it.
  Url url;                           ///< Who answered, after redirects.
  bool is_elsewhere = false;         ///< The answer is not from the registry itself.
  Secrets secrets = {};              ///< What was sent and must be kept out of messages.
  std::string credential_note = {};  ///< Which credentials were used, or that there are none.

  /// What a status other than 2xx means. A refusal also says which credentials were refused.
  [[nodiscard]] Error failure() const;
  /// Returns true if the answer says that there is no such thing. Only a registry knows that: a
  /// server that a registry leads to may have lost the thing (EP-8, DEC-6).
  [[nodiscard]] bool is_absence() const;
};

/// The whole of a small answer.
struct Document {
  HttpHead head;
  std::string body;
  Url url;  ///< Who answered, after redirects.
};

}  // namespace digestfs::registry
