// SPDX-License-Identifier: Apache-2.0
#include "registry/credential.h"

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/base64.h"
#include "base/text.h"

namespace digestfs::registry {

std::string without_secrets(std::string text, const std::optional<Credential>& credential,
                            const std::string& token) {
  std::vector<std::string> secrets = {token};
  if (credential) {
    secrets.insert(secrets.end(), {credential->password, credential->identity_token,
                                   credential->registry_token, basic_credentials(*credential)});
  }
  for (const std::string& secret : secrets) {
    if (secret.empty()) continue;
    constexpr std::string_view kHidden = "***";
    for (std::size_t at = 0; (at = text.find(secret, at)) != std::string::npos;) {
      text.replace(at, secret.size(), kHidden);
      at += kHidden.size();
    }
  }
  return text;
}

std::string basic_credentials(const Credential& credential) {
  return encode_base64(str_cat(credential.user, ":", credential.password));
}

}  // namespace digestfs::registry
