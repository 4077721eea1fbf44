// SPDX-License-Identifier: Apache-2.0
#include "registry/host/referrers_reader.h"

#include <chrono>
#include <cstddef>
#include <span>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "registry/http/page.h"
#include "registry/image/manifest.h"
#include "registry/image/media_type.h"

namespace digestfs::registry {
namespace {

constexpr std::size_t kMaxReferrerPages = 100;
constexpr std::size_t kMaxReferrers = 10000;
// For how long a registry that does not list referrers is believed not to (EP-12).
constexpr std::chrono::minutes kFeatureMemory{5};

/// Returns true if an answer with this status tells something of the registry, and not only of the
/// one subject or of the user (EP-12).
bool tells_of_no_api(int status) noexcept {
  return (status >= 200 && status < 400) || status == 404 || status == 405 || status == 406 ||
         status == 501;
}

}  // namespace

ReferrersReader::ReferrersReader(Access& access) : access_(access) {}

std::optional<std::vector<Descriptor>> ReferrersReader::read(const Digest& subject,
                                                             const Request& request) {
  if (Clock::now() < *none_until_.lock()) return std::nullopt;
  std::vector<Descriptor> all;
  std::unordered_set<std::string> asked;
  std::optional<std::string> target = str_cat(access_.root(), "/referrers/", subject);
  while (target && asked.insert(*target).second) {
    if (all.size() >= kMaxReferrers) {
      DIGESTFS_LOG(warning, "what refers to an image does not end and was cut image=", subject,
                   " referrers=", all.size());
      break;
    }
    if (asked.size() > kMaxReferrerPages) {
      throw Error(Errc::too_large,
                  str_cat("they are listed on more than ", kMaxReferrerPages, " pages"));
    }
    const Page page = this->page(*target, subject, request);
    if (!page.referrers && asked.size() > 1) {
      throw Error(Errc::corrupt, "a further page of referrers is no image index");
    }
    if (!page.referrers) {
      if (page.is_no_api) *none_until_.lock() = Clock::now() + kFeatureMemory;
      return std::nullopt;
    }
    all.insert(all.end(), page.referrers->begin(), page.referrers->end());
    target = page.next;
  }
  return all;
}

ReferrersReader::Page ReferrersReader::page(const std::string& target, const Digest& subject,
                                            const Request& request) {
  const Question question{.target = target,
                          .fields = {{"Accept", std::string(media_type::kOciIndex)}},
                          .redirects = Follow::to_registries};
  std::string body;
  const auto take = [&](const HttpHead& /*head*/, std::span<const std::byte> part) {
    if (body.size() + part.size() > kMaxManifestBytes) {
      throw Error(Errc::too_large,
                  str_cat("they are listed in more than ", kMaxManifestBytes, " bytes"));
    }
    body += as_text(part);
    return Flow::more;
  };
  const Reply reply = access_.ask(question, take, request);
  const int status = reply.head.status;
  if (status != 200 && is_silence(reply.failure().code())) throw reply.failure();
  // Some registries deny what they do not have. If this one denies everything by now, that is no
  // absence, and asking for the subject throws.
  if (status == 401 || status == 403) {
    static_cast<void>(access_.find(Endpoint::manifests, subject, request));
  }
  const std::string type = bare_media_type(reply.head.field("Content-Type").value_or(""));
  if (status != 200 || type != media_type::kOciIndex) {
    DIGESTFS_LOG(debug, "no referrers API status=", status, " type=", type);
    return {.is_no_api = tells_of_no_api(status)};
  }
  Page page;
  try {
    Manifest index = parse_manifest(body, media_type::kOciIndex);
    if (index.kind != ManifestKind::index) throw Error(Errc::corrupt, "it is no index");
    page.referrers = std::move(index.manifests);
  } catch (const Error& error) {
    DIGESTFS_LOG(debug, "no referrers API: ", error.what());
    return {.is_no_api = true};
  }
  page.next = next_page(reply.head, target, reply.url);
  return page;
}

}  // namespace digestfs::registry
