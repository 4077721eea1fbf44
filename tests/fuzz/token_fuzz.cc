// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "registry/auth/token.h"
#include "registry/http/failure.h"
#include "registry/http/secrets.h"
#include "tests/fuzz/require.h"

// What token servers answer, and registries that fail.

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace digestfs;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const auto token = registry::parse_token(text, {});
    // It goes into a head of HTTP.
    require(!token.value.empty() &&
            std::ranges::all_of(token.value, [](char c) { return c > ' ' && c < '\x7f'; }));
    require(token.renew_at > Clock::time_point{});
  } catch (const Error& error) {
    require(error.code() == Errc::corrupt);
  }
  for (const int status : {301, 401, 403, 404, 429, 500}) {
    const std::string message = registry::failure_of(status, text).what();
    require(message.find('\n') == std::string::npos && message.size() < 1000);
  }
  // The first line for a secret, and the rest for what a server says.
  const std::string secret(text.substr(0, text.find('\n')));
  if (secret.size() >= 16 && secret.find_first_of("*\\\r\t") == std::string::npos) {
    registry::Secrets secrets;
    secrets.add(secret);
    require(registry::shown_text(text, secrets, size).find(secret) == std::string::npos);
  }
  return 0;
}
