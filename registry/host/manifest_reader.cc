// SPDX-License-Identifier: Apache-2.0
#include "registry/host/manifest_reader.h"

#include <cstddef>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "registry/image/json.h"
#include "registry/image/manifest.h"
#include "registry/image/media_type.h"

namespace digestfs::registry {
namespace {

// How many digests of tags are remembered, to be doubted.
constexpr std::size_t kMaxNamed = 100'000;

/// Throws `Errc::corrupt` if what came for a tag cannot be a manifest: a web server or a login page
/// answers with 200, too (EP-2).
void check_manifest(const Document& document) {
  try {
    if (parse_json(document.body, NameCase::matters).is_object()) return;
    throw Error(Errc::corrupt, "it is no JSON object");
  } catch (const Error& error) {
    throw Error(Errc::corrupt,
                str_cat("what ", document.url.redacted(), " sends is no manifest: ", error.what()));
  }
}

/// The payload of a signed schema 1 manifest (MT-6); any other document as it is.
std::string payload_of(std::string document) {
  try {
    return signed_payload(document);
  } catch (const Error&) {
    return document;
  }
}

}  // namespace

ManifestReader::ManifestReader(Access& access) : access_(access) {}

std::string ManifestReader::read(const Digest& digest, Copy wanted, const Request& request) {
  std::string body = document(digest.str(), wanted, request).body;
  if (digest.is_verifiable() && digest_of(body, digest.algorithm()) != digest) {
    body = payload_of(std::move(body));
  }
  return body;
}

Document ManifestReader::document(const std::string& reference, Copy wanted,
                                  const Request& request) {
  Question question{.target = access_.target(Endpoint::manifests, reference),
                    .fields = {accept_manifests()}};
  if (wanted == Copy::sources) question.fields.push_back(past_caches());
  return access_.read(question, kMaxManifestBytes, request);
}

void ManifestReader::distrust(const Digest& digest) {
  const auto named = named_.lock();
  if (!named->all.contains(digest) || !named->wrong.insert(digest).second) return;
  DIGESTFS_LOG(warning,
               "the registry names a digest that is not that of the manifest digest=", digest);
}

/// Returns true if a digest that HEAD gave can be used. Only one that can be verified can.
bool ManifestReader::is_believed(const Digest& digest) {
  if (!digest.is_verifiable()) return false;
  const auto named = named_.lock();
  if (named->all.size() < kMaxNamed) named->all.insert(digest);
  return !named->wrong.contains(digest);
}

std::optional<Descriptor> ManifestReader::resolve(const std::string& tag, const Request& request) {
  const Question question{.method = Method::head,
                          .target = access_.target(Endpoint::manifests, tag),
                          .fields = {accept_manifests()}};
  const Reply reply = access_.ask(question, ignore_body, request);
  const int status = reply.head.status;
  if (reply.is_absence()) return std::nullopt;
  if (status == 200) {
    const auto digest = Digest::parse(reply.head.field("Docker-Content-Digest").value_or(""));
    const auto length = content_length(reply.head);
    const std::string type = bare_media_type(reply.head.field("Content-Type").value_or(""));
    if (digest && is_believed(*digest) && length.value_or(0) > 0 && !type.empty()) {
      Descriptor descriptor{.digest = *digest, .media_type = type, .size = length};
      // Of a signed manifest only the payload is shown, which is shorter (MT-6).
      if (document_class(type) == DocumentClass::schema1) descriptor.size.reset();
      return descriptor;
    }
  } else if (!asks_for_get(status) && !reply.is_elsewhere) {
    throw reply.failure();
  }
  // EP-3: the answer to the HEAD is of no use, or has no body that says why.
  return resolve_by_get(tag, request);
}

std::optional<Descriptor> ManifestReader::resolve_by_get(const std::string& tag,
                                                         const Request& request) {
  try {
    const Document document = this->document(tag, Copy::any, request);
    const std::string bytes = payload_of(document.body);
    const Digest digest = digest_of(bytes);
    const auto named = document.head.field("Docker-Content-Digest");
    if (named != digest.str()) check_manifest(document);
    if (named && *named != digest.str()) {
      access_.warn(str_cat("the registry names another digest of the manifest that it sends tag=",
                           tag, " named=", escaped(shortened(*named, 200)), " digest=", digest));
    }
    // The digest was right all along, and the manifest away for a moment.
    named_.lock()->wrong.erase(digest);
    return Descriptor{
        .digest = digest,
        .media_type = bare_media_type(document.head.field("Content-Type").value_or("")),
        .size = bytes.size()};
  } catch (const Error& error) {
    if (error.code() == Errc::not_found) return std::nullopt;
    throw;
  }
}

}  // namespace digestfs::registry
