// SPDX-License-Identifier: Apache-2.0
#include "registry/auth/credential.h"

#include "base/base64.h"
#include "base/text.h"

namespace digestfs::registry {

std::string basic_credentials(const Credential& credential) {
  return encode_base64(str_cat(credential.user, ":", credential.password));
}

}  // namespace digestfs::registry
