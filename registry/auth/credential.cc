// SPDX-License-Identifier: Apache-2.0
#include "registry/auth/credential.h"

#include "base/base64.h"
#include "base/text.h"

namespace digestfs::registry {

std::string basic_credentials(const Credential& credential) {
  return encode_base64(str_cat(credential.user, ":", credential.password));
}

Secrets secrets_of(const Credential& credential) {
  Secrets secrets;
  secrets.add(credential.password);
  secrets.add(credential.identity_token);
  secrets.add(credential.registry_token);
  if (credential.has_password()) secrets.add(basic_credentials(credential));
  return secrets;
}

}  // namespace digestfs::registry
