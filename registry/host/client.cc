// SPDX-License-Identifier: Apache-2.0
#include "registry/host/client.h"

#include <cstddef>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "registry/host/blob_reader.h"
#include "registry/host/tag_list.h"
#include "registry/http/page.h"
#include "registry/http/url.h"

namespace digestfs::registry {
namespace {

constexpr std::size_t kMaxTagList = std::size_t{64} << 20U;
// The most that quay.io takes; every registry takes it (EP-10).
constexpr std::string_view kSmallPage = "n=100";

}  // namespace

Client::Client(const Reference& reference, ClientOptions options)
    : Client(std::make_shared<Host>(reference, std::move(options)), reference) {}

Client::Client(std::shared_ptr<Host> host, const Reference& reference)
    : access_(std::move(host), reference), manifests_(access_), referrers_(access_) {}

const std::string& Client::name() const { return access_.name(); }

TagPage Client::list_tags(const std::optional<std::string>& page, const Request& request) {
  return doing("list the tags", request, [&] { return tag_page(page, request); });
}

TagPage Client::tag_page(const std::optional<std::string>& page, const Request& request) {
  const std::string first = access_.root() + "/tags/list";
  try {
    return tag_page_at(page.value_or(first), request);
  } catch (const Error& error) {
    // The registry's own page may be larger than the registry lets itself send, or than we take
    // (EP-10).
    if (page || (error.code() != Errc::corrupt && error.code() != Errc::too_large)) throw;
    return tag_page_at(str_cat(first, "?", kSmallPage), request);
  }
}

TagPage Client::tag_page_at(const std::string& target, const Request& request) {
  const Document document = access_.read({.target = target}, kMaxTagList, request);
  TagPage tags = parse_tag_list(document.body);
  try {
    tags.next = next_page(document.head, target, document.url);
  } catch (const Error& error) {
    tags.cut = error.what();
  }
  return tags;
}

std::optional<Descriptor> Client::resolve(const std::string& tag, const Request& request) {
  return doing(str_cat("resolve tag ", tag), request,
               [&] { return manifests_.resolve(tag, request); });
}

std::optional<std::vector<Descriptor>> Client::list_referrers(const Digest& subject,
                                                              const Request& request) {
  return doing(str_cat("list what refers to ", subject), request,
               [&] { return referrers_.read(subject, request); });
}

std::optional<ObjectInfo> Client::find(Endpoint endpoint, const Digest& digest,
                                       const Request& request) {
  return doing(str_cat("look for ", digest), request,
               [&] { return access_.find(endpoint, digest, request); });
}

void Client::fetch(Endpoint endpoint, const Digest& digest, const Range& range, ObjectSink& sink,
                   const Request& request) {
  if (endpoint == Endpoint::manifests) {
    fetch_manifest(digest, sink, request);
  } else {
    fetch_blob(access_, digest, range, sink, request);
  }
}

void Client::fetch_from(const std::string& url, const Digest& digest, const Range& range,
                        ObjectSink& sink, const Request& request) {
  fetch_foreign_blob(access_, Url::parse(url), digest, range, sink, request);
}

void Client::fetch_manifest(const Digest& digest, ObjectSink& sink, const Request& request) {
  std::string document;
  try {
    document = doing(str_cat("fetch ", digest), request,
                     [&] { return manifests_.read(digest, sink.wanted(), request); });
  } catch (const Error& error) {
    if (error.code() == Errc::not_found) manifests_.distrust(digest);
    throw;
  }
  if (digest.is_verifiable() && digest_of(document, digest.algorithm()) != digest) {
    manifests_.distrust(digest);
  }
  sink.begin({0, document.size()});
  sink.write(as_bytes(document));
}

}  // namespace digestfs::registry
