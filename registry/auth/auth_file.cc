// SPDX-License-Identifier: Apache-2.0
#include "registry/auth/auth_file.h"

#include <algorithm>
#include <array>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/error.h"
#include "base/text.h"
#include "registry/image/json.h"

namespace digestfs::registry {
namespace {

using nlohmann::json;

// The name of Docker Hub in files and for helpers (REF-5, CRED-2).
constexpr const char* kHub = "docker.io";
constexpr const char* kHubServer = "https://index.docker.io/v1/";
constexpr std::array<std::string_view, 3> kHubHosts = {"docker.io", "index.docker.io",
                                                       "registry-1.docker.io"};

bool is_hub(std::string_view host) { return std::ranges::count(kHubHosts, host) > 0; }

/// Returns the host that a key means, in one spelling for all.
std::string host_of(std::string_view key) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (key.starts_with(scheme)) key.remove_prefix(scheme.size());
  }
  key = key.substr(0, key.find('/'));
  return is_hub(key) ? kHub : std::string(key);
}

/// Reads user and password from `auth`. Returns false if `auth` holds none. The password begins
/// after the first colon, and some writers end it with NULs (CRED-3).
bool read_auth(const std::string& auth, Credential& credential) {
  const auto text = decode_base64(auth);
  if (!text) return false;
  const auto colon = text->find(':');
  if (colon == std::string::npos) return false;
  credential.user = text->substr(0, colon);
  credential.password = text->substr(colon + 1);
  credential.password.erase(credential.password.find_last_not_of('\0') + 1);
  return true;
}

/// Returns true if `text` may stand in a field of HTTP as it is. A text that is sent in base64, or
/// in a form, may hold anything: the password of Google's `_json_key` is a whole document.
bool fits_field(const std::string& text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos;
}

}  // namespace

AuthFile AuthFile::parse(std::string_view text, Form form) {
  AuthFile file;
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return file;
  const json document = parse_json(text, NameCase::matters);
  if (!document.is_object()) throw Error(Errc::corrupt, "it is no JSON object");
  const json* auths = form == Form::legacy ? &document : member(document, "auths");
  if (auths != nullptr && auths->is_object()) {
    for (const auto& [key, entry] : auths->items()) {
      Credential credential;
      const std::string auth = text_member(entry, "auth");
      bool good = entry.is_object() && (auth.empty() || read_auth(auth, credential));
      if (auth.empty()) {
        credential.user = text_member(entry, "username");
        credential.password = text_member(entry, "password");
      }
      credential.identity_token = text_member(entry, "identitytoken");
      credential.registry_token = text_member(entry, "registrytoken");
      good = good && fits_field(credential.registry_token);
      if (!good) {
        file.skipped_.push_back(key);
      } else if (!credential.empty()) {  // without anything it only marks what a helper keeps
        file.entries_.emplace(key, std::move(credential));
      }
    }
  }
  if (form == Form::legacy) return file;
  if (const json* helpers = member(document, "credHelpers");
      helpers != nullptr && helpers->is_object()) {
    for (const auto& [host, name] : helpers->items()) {
      // An empty name means the file itself.
      if (name.is_string() && !name.get_ref<const std::string&>().empty()) {
        file.helpers_.emplace(host, name.get<std::string>());
      }
    }
  }
  file.store_ = text_member(document, "credsStore");
  return file;
}

std::optional<Credential> AuthFile::find(const Reference& repository) const {
  std::string key = repository.repository();
  for (;;) {
    if (const auto at = entries_.find(key); at != entries_.end()) return at->second;
    const auto slash = key.rfind('/');
    if (slash == std::string::npos) break;
    key.resize(slash);
  }
  const std::string host = host_of(repository.domain);
  for (const auto& [name, credential] : entries_) {
    // A key with a path is for everything below it. A key that begins with a scheme has a path,
    // too.
    const bool is_url = name.find("://") != std::string::npos;
    if ((is_url || name.find('/') == std::string::npos) && host_of(name) == host) return credential;
  }
  return std::nullopt;
}

std::optional<AuthFile::Helper> AuthFile::helper_for(const Reference& repository) const {
  const std::string host = host_of(repository.domain);
  for (const auto& [key, name] : helpers_) {
    // Such a key is for a whole registry, never for a part of one (CRED-2).
    const bool is_url = key.find("://") != std::string::npos;
    if ((!is_url && key.find('/') != std::string::npos) || host_of(key) != host) continue;
    Helper helper{.name = name, .servers = {key}, .is_final = true};
    if (host == kHub && key != kHubServer)
      helper.servers.insert(helper.servers.begin(), kHubServer);
    return helper;
  }
  if (store_.empty()) return std::nullopt;
  if (host == kHub) return Helper{.name = store_, .servers = {kHubServer, kHub}};
  return Helper{.name = store_, .servers = {repository.domain}};
}

}  // namespace digestfs::registry
