// SPDX-License-Identifier: Apache-2.0
#include "registry/host/access.h"

#include <span>
#include <utility>

#include "base/file.h"
#include "base/text.h"
#include "registry/http/content_range.h"
#include "registry/image/media_type.h"

namespace digestfs::registry {

Access::Access(std::shared_ptr<Host> host, const Reference& reference)
    : host_(std::move(host)),
      name_(str_cat("docker://", reference.repository())),
      root_(str_cat("/v2/", reference.path)),
      scope_(reference) {}

std::string Access::target(Endpoint endpoint, std::string_view object) const {
  return str_cat(root_, endpoint == Endpoint::manifests ? "/manifests/" : "/blobs/", object);
}

Reply Access::ask(const Question& question, const Receive& receive, const Request& request) {
  return host_->ask(scope_, question, receive, request);
}

Document Access::read(const Question& question, std::size_t limit, const Request& request) {
  std::string body;
  const auto take = [&](const HttpHead& /*head*/, std::span<const std::byte> part) {
    if (body.size() + part.size() > limit) {
      throw Error(Errc::too_large, str_cat("the answer is larger than ", limit, " bytes"));
    }
    body += as_text(part);
    return Flow::more;
  };
  Reply reply = ask(question, take, request);
  if (!is_success(reply.head.status)) throw reply.failure();
  return {std::move(reply.head), std::move(body), std::move(reply.url)};
}

std::optional<ObjectInfo> Access::find(Endpoint endpoint, const Digest& digest,
                                       const Request& request) {
  Question question{.method = Method::head,
                    .target = target(endpoint, digest.str()),
                    .redirects = Follow::to_registries};
  if (endpoint == Endpoint::manifests) question.fields.push_back(accept_manifests());
  Reply reply = ask(question, ignore_body, request);
  const auto exists = [&] { return reply.head.status >= 200 && reply.head.status < 400; };
  if (!exists()) {
    // EP-7: some registries deny to a HEAD what they give to a GET.
    if (reply.head.status != 404 && !asks_for_get(reply.head.status)) throw reply.failure();
    question.method = Method::get;
    if (endpoint == Endpoint::blobs) question.fields.push_back({"Range", "bytes=0-0"});
    reply = ask(question, ignore_body, request);
    if (reply.head.status == 416) return ObjectInfo{0};  // it exists, and is empty
    if (reply.head.status == 404) return std::nullopt;
    if (!exists()) throw reply.failure();
  }
  if (reply.head.status == 200) return ObjectInfo{content_length(reply.head)};
  if (reply.head.status == 206) {
    const auto range = parse_content_range(reply.head.field("Content-Range").value_or(""));
    return ObjectInfo{range ? range->total : std::nullopt};
  }
  return ObjectInfo{};
}

void Access::wait_to_retry(const Error& error, Attempts& attempts, const Request& request) {
  host_->wait_to_retry(scope_, error, attempts, request);
}

const Field& accept_manifests() {
  static const Field field{
      "Accept",
      str_cat(media_type::kOciIndex, ", ", media_type::kDockerList, ", ", media_type::kOciManifest,
              ", ", media_type::kDockerManifest, ", ", media_type::kDockerSchema1Signed, ", ",
              media_type::kDockerSchema1, ", ", media_type::kOciArtifact, ", */*;q=0.1")};
  return field;
}

Field past_caches() { return {"Cache-Control", "no-cache"}; }

bool asks_for_get(int status) noexcept { return status == 403 || status == 405 || status == 501; }

bool is_coded(const HttpHead& head) {
  const auto coding = head.field("Content-Encoding");
  return coding && *coding != "identity";
}

std::optional<std::uint64_t> content_length(const HttpHead& head) {
  if (is_coded(head)) return std::nullopt;
  const auto length = head.field("Content-Length");
  return length ? parse_decimal(*length) : std::nullopt;
}

Flow ignore_body(const HttpHead& /*head*/, std::span<const std::byte> /*part*/) {
  return Flow::enough;
}

}  // namespace digestfs::registry
