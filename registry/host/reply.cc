// SPDX-License-Identifier: Apache-2.0
#include "registry/host/reply.h"

#include "base/text.h"
#include "registry/host/api_url.h"
#include "registry/http/failure.h"

namespace digestfs::registry {

Error Reply::failure() const {
  const std::string at = url.redacted();
  const Error error =
      is_elsewhere ? failure_of(head, failure_body, at + ", where the registry leads,", secrets)
                   : failure_of(head, failure_body, "the registry", secrets);
  std::string message =
      secrets.hidden_in(is_elsewhere ? std::string(error.what()) : str_cat(at, ": ", error.what()));
  const bool is_refusal = error.code() == Errc::denied && head.status != 407;
  if (is_refusal && !credential_note.empty()) message += str_cat("; ", credential_note);
  const bool is_lost = error.code() == Errc::not_found && !is_absence();
  return {is_lost ? Errc::unavailable : error.code(), message};
}

bool Reply::is_absence() const {
  const bool is_missing = head.status == 404 || head.status == 410;
  return is_missing && (!is_elsewhere || repository_of(url).has_value());
}

}  // namespace digestfs::registry
