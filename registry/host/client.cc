// SPDX-License-Identifier: Apache-2.0
#include "registry/host/client.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <unordered_set>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/flight.h"
#include "base/guarded.h"
#include "base/log.h"
#include "base/text.h"
#include "registry/host/registry_host.h"
#include "registry/host/tag_list.h"
#include "registry/http/content_range.h"
#include "registry/http/page.h"
#include "registry/image/json.h"
#include "registry/image/manifest.h"
#include "registry/image/media_type.h"

namespace digestfs::registry {
namespace {

constexpr std::size_t kMaxTagList = std::size_t{64} << 20U;
// What quay.io takes at most, and everybody takes (EP-10).
constexpr std::string_view kSmallPage = "n=100";

// How many answers to "what refers to this" are read.
constexpr std::size_t kMaxReferrerPages = 100;
constexpr std::size_t kMaxReferrers = 10000;
// How many digests of tags are remembered, to be doubted.
constexpr std::size_t kMaxHeads = 100'000;
// How long a registry that does not list referrers is believed not to (EP-12).
constexpr std::chrono::minutes kFeatureMemory{5};

/// What we can read, in one line: some registries look at one only (EP-1).
const Field& accept_manifests() {
  static const Field field{
      "Accept",
      str_cat(media_type::kOciIndex, ", ", media_type::kDockerList, ", ", media_type::kOciManifest,
              ", ", media_type::kDockerManifest, ", ", media_type::kDockerSchema1Signed, ", ",
              media_type::kDockerSchema1, ", ", media_type::kOciArtifact, ", */*;q=0.1")};
  return field;
}

/// Has caches on the way ask the registry (RFC 9111, 5.2.1.4).
Field past_caches() { return {"Cache-Control", "no-cache"}; }

Flow ignore(const HttpHead& /*head*/, std::span<const std::byte> /*part*/) { return Flow::enough; }

/// Whether the answer to a HEAD says that only GET will do, or tell why not.
bool asks_for_get(int status) noexcept { return status == 403 || status == 405 || status == 501; }

/// Whether an answer to a question for referrers tells of the registry, not of the one subject or
/// of who asks (EP-12).
bool tells_of_no_api(int status) noexcept {
  return (status >= 200 && status < 400) || status == 404 || status == 405 || status == 406 ||
         status == 501;
}

/// The value of the `Range` field that asks for `range` (RFC 9110, 14.2).
std::string field_of(const Range& range) {
  return range.end ? str_cat("bytes=", range.offset, "-", *range.end - 1)
                   : str_cat("bytes=", range.offset, "-");
}

bool is_coded(const HttpHead& head) {
  const auto coding = head.field("Content-Encoding");
  return coding && *coding != "identity";
}

std::optional<std::uint64_t> content_length(const HttpHead& head) {
  // With a coding it is the length of something else (EP-7).
  if (is_coded(head)) return std::nullopt;
  const auto length = head.field("Content-Length");
  return length ? parse_decimal(*length) : std::nullopt;
}

/// The bytes that `digest` is over: of a signed schema 1 manifest its payload, of which the
/// registry sends more (MT-6); of anything else what came.
std::string digested_part(std::string body, const Digest& digest) {
  if (digest.is_verifiable() && digest_of(body, digest.algorithm()) != digest) {
    try {
      return signed_payload(body);
    } catch (const Error&) {
      // Not that kind of document. Whoever takes it finds out that it is not the right one.
    }
  }
  return body;
}

/// Whether what came for a tag, and is not said to be what came, can be a manifest at all: a web
/// server or a login page answers with 200, too (EP-2). Throws `Errc::corrupt`.
void check_manifest(const Document& document) {
  try {
    if (parse_json(document.body, NameCase::matters).is_object()) return;
    throw Error(Errc::corrupt, "it is no JSON object");
  } catch (const Error& error) {
    throw Error(Errc::corrupt,
                str_cat("what ", document.url.redacted(), " sends is no manifest: ", error.what()));
  }
}

/// Passes a blob on to a sink, as far as it is the part that was asked for.
class BlobReceiver {
 public:
  enum class Outcome {
    taken,
    useless,
    coded,  ///< it came in a coding, and only what that stands for can be the blob (VER-9)
  };

  /// `decoded` tells that a coding was undone already.
  BlobReceiver(ObjectSink& sink, const Digest& digest, const Range& range, bool decoded)
      : sink_(sink), digest_(digest), range_(range), decoded_(decoded) {}

  Flow take(const HttpHead& head, std::span<const std::byte> part) {
    if (!begin(head)) return Flow::enough;
    if (hasher_) hasher_->update(part);
    sink_.write(part);
    return Flow::more;
  }

  /// To be called once the answer has ended: an empty body has no parts.
  [[nodiscard]] Outcome finish(const HttpHead& head) {
    if (!begin(head)) return Outcome::useless;
    return hasher_ && hasher_->finish() != digest_ ? Outcome::coded : Outcome::taken;
  }

 private:
  /// Whether what comes is of use (EP-9).
  bool begin(const HttpHead& head) {
    if (begun_) return useful_;
    begun_ = true;
    // A coding is mostly the layer's own, which is none of HTTP's business: the digest tells.
    if (is_coded(head) && !decoded_ && range_.offset == 0 && digest_.is_verifiable()) {
      hasher_.emplace(digest_.algorithm());
    }
    if (head.status != 206) {
      sink_.begin({0, content_length(head)});
      return useful_ = true;
    }
    const auto range = parse_content_range(head.field("Content-Range").value_or(""));
    useful_ = range && range->span && range->span->first == range_.offset &&
              is_whole(range->span->last + 1, range->total);
    if (useful_) sink_.begin({range_.offset, range->total});
    return useful_;
  }

  /// Whether a part that ends before `end` is all that was asked for of `total` bytes.
  [[nodiscard]] bool is_whole(std::uint64_t end, std::optional<std::uint64_t> total) const {
    return end == range_.end || (!range_.end && !total) ||
           (end == total && end <= range_.end.value_or(end));
  }

  ObjectSink& sink_;
  const Digest& digest_;
  Range range_;
  bool decoded_;
  std::optional<Hasher> hasher_;
  bool begun_ = false;
  bool useful_ = false;
};

}  // namespace

class Client::Impl {
 public:
  Impl(const Reference& reference, ClientOptions options)
      : name_(str_cat("docker://", reference.repository())),
        root_(str_cat("/v2/", reference.path)),
        host_(reference, std::move(options)) {}

  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  TagPage list_tags(const std::optional<std::string>& page, const std::stop_token& stop) {
    return doing("list the tags", stop, [&] { return tag_page(page, stop); });
  }

  std::optional<Descriptor> resolve(const std::string& tag, const std::stop_token& stop) {
    return doing(str_cat("resolve tag ", tag), stop, [&] { return resolve_tag(tag, stop); });
  }

  std::optional<std::vector<Descriptor>> list_referrers(const Digest& subject,
                                                        const std::stop_token& stop) {
    return doing(str_cat("list what refers to ", subject), stop,
                 [&] { return referrers(subject, stop); });
  }

  std::optional<ObjectInfo> find(Endpoint endpoint, const Digest& digest,
                                 const std::stop_token& stop) {
    return doing(str_cat("look for ", digest), stop, [&] { return probe(endpoint, digest, stop); });
  }

  void fetch(Endpoint endpoint, const Digest& digest, const Range& range, ObjectSink& sink,
             const Request& request) {
    if (endpoint == Endpoint::manifests) {
      std::string document;
      try {
        document = doing(str_cat("fetch ", digest), request.stop, [&] {
          return digested_part(manifest(digest.str(), request.stop, sink.wanted()).body, digest);
        });
      } catch (const Error& error) {
        if (error.code() == Errc::not_found) distrust(digest);
        throw;
      }
      if (digest.is_verifiable() && digest_of(document, digest.algorithm()) != digest) {
        distrust(digest);
      }
      sink.begin({0, document.size()});
      sink.write(as_bytes(document));
    } else {
      fetch_blob(digest, range, sink, request);
    }
  }

 private:
  /// The digests that HEAD gave for tags.
  struct Heads {
    std::unordered_set<Digest> said;
    std::unordered_set<Digest> wrong;
  };

  /// Runs `work`, again where it fails in passing; its failure tells what was being done, and to
  /// what.
  template <class Work>
  auto doing(const std::string& what, const std::stop_token& stop, const Work& work)
      -> decltype(work()) {
    return host_.persist(str_cat(what, " of ", name_), stop, work);
  }

  [[nodiscard]] std::string target(Endpoint endpoint, std::string_view name) const {
    return str_cat(root_, endpoint == Endpoint::manifests ? "/manifests/" : "/blobs/", name);
  }

  Document manifest(const std::string& reference, const std::stop_token& stop,
                    Copy wanted = Copy::any) {
    Question question{.target = target(Endpoint::manifests, reference),
                      .fields = {accept_manifests()}};
    if (wanted == Copy::sources) question.fields.push_back(past_caches());
    return host_.read(question, kMaxManifestBytes, stop);
  }

  TagPage tag_page(const std::optional<std::string>& page, const std::stop_token& stop) {
    const std::string first = root_ + "/tags/list";
    const std::string asked = page.value_or(first);
    try {
      return tag_page_at(asked, stop);
    } catch (const Error& error) {
      // A registry whose own page is larger than it lets itself send, or than we take (EP-10).
      if (page || (error.code() != Errc::corrupt && error.code() != Errc::too_large)) throw;
      return tag_page_at(str_cat(first, "?", kSmallPage), stop);
    }
  }

  TagPage tag_page_at(const std::string& asked, const std::stop_token& stop) {
    const Document document = host_.read({.target = asked}, kMaxTagList, stop);
    TagPage tags = parse_tag_list(document.body);
    try {
      tags.next = next_page(document.head, asked, document.url);
    } catch (const Error& error) {
      tags.cut = error.what();
    }
    return tags;
  }

  /// HEAD gave this digest for some tag, and it is not that of a manifest: it is not believed
  /// again, for whichever tag (EP-4).
  void distrust(const Digest& digest) {
    const auto heads = heads_.lock();
    if (!heads->said.contains(digest) || !heads->wrong.insert(digest).second) return;
    DIGESTFS_LOG(warning,
                 "the registry names a digest that is not that of the manifest digest=", digest);
  }

  /// Whether what HEAD says will do. Only what can be verified does.
  [[nodiscard]] bool is_believed(const Digest& digest) {
    if (!digest.is_verifiable()) return false;
    const auto heads = heads_.lock();
    if (heads->said.size() < kMaxHeads) heads->said.insert(digest);
    return !heads->wrong.contains(digest);
  }

  std::optional<Descriptor> resolve_tag(const std::string& tag, const std::stop_token& stop) {
    const Question question{.method = Method::head,
                            .target = target(Endpoint::manifests, tag),
                            .fields = {accept_manifests()}};
    const Reply reply = host_.ask(question, ignore, stop);
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
    // EP-3: no use, or no body that says why.
    return resolve_by_get(tag, stop);
  }

  std::optional<Descriptor> resolve_by_get(const std::string& tag, const std::stop_token& stop) {
    try {
      const Document document = manifest(tag, stop);
      std::string bytes = document.body;
      try {
        bytes = signed_payload(document.body);
      } catch (const Error&) {
        // No signed manifest then.
      }
      const Digest digest = digest_of(bytes);
      const auto named = document.head.field("Docker-Content-Digest");
      if (named != digest.str()) check_manifest(document);
      if (named && *named != digest.str()) {
        host_.warn(str_cat("the registry names another digest of the manifest that it sends tag=",
                           tag, " named=", escaped(shortened(*named, 200)), " digest=", digest));
      }
      heads_.lock()->wrong.erase(digest);  // it was right, and the manifest away for a moment
      return Descriptor{
          .digest = digest,
          .media_type = bare_media_type(document.head.field("Content-Type").value_or("")),
          .size = bytes.size()};
    } catch (const Error& error) {
      if (error.code() == Errc::not_found) return std::nullopt;
      throw;
    }
  }

  /// All pages; nothing where the registry does not have the API, which it says in many ways
  /// (EP-12).
  std::optional<std::vector<Descriptor>> referrers(const Digest& subject,
                                                   const std::stop_token& stop) {
    if (Clock::now() < *no_referrers_until_.lock()) return std::nullopt;
    std::vector<Descriptor> all;
    std::unordered_set<std::string> asked;
    std::optional<std::string> target = str_cat(root_, "/referrers/", subject);
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
      const ReferrersPage page = referrers_page(*target, subject, stop);
      if (!page.referrers && asked.size() > 1) {
        throw Error(Errc::corrupt, "a further page of referrers is no image index");
      }
      if (!page.referrers) {
        if (page.is_no_api) *no_referrers_until_.lock() = Clock::now() + kFeatureMemory;
        return std::nullopt;
      }
      all.insert(all.end(), page.referrers->begin(), page.referrers->end());
      target = page.next;
    }
    return all;
  }

  struct ReferrersPage {
    std::optional<std::vector<Descriptor>> referrers;  ///< nothing where it is no such list
    bool is_no_api = false;                            ///< because the registry has none
    std::optional<std::string> next;
  };

  ReferrersPage referrers_page(const std::string& asked, const Digest& subject,
                               const std::stop_token& stop) {
    const Question question{.target = asked,
                            .fields = {{"Accept", std::string(media_type::kOciIndex)}},
                            .redirects = Question::Redirects::to_registries};
    std::string body;
    const auto take = [&](const HttpHead& /*head*/, std::span<const std::byte> part) {
      if (body.size() + part.size() > kMaxManifestBytes) {
        throw Error(Errc::too_large,
                    str_cat("they are listed in more than ", kMaxManifestBytes, " bytes"));
      }
      body += as_text(part);
      return Flow::more;
    };
    const Reply reply = host_.ask(question, take, stop);
    const int status = reply.head.status;
    if (status != 200 && is_silence(reply.failure().code())) throw reply.failure();
    // Some deny what they do not have; some deny everything by now, and that is no absence.
    if (status == 401 || status == 403) {
      static_cast<void>(probe(Endpoint::manifests, subject, stop));
    }
    const std::string type = bare_media_type(reply.head.field("Content-Type").value_or(""));
    if (status != 200 || type != media_type::kOciIndex) {
      DIGESTFS_LOG(debug, "no referrers API status=", status, " type=", type);
      return {.referrers = {}, .is_no_api = tells_of_no_api(status), .next = {}};
    }
    ReferrersPage page;
    try {
      Manifest index = parse_manifest(body, media_type::kOciIndex);
      if (index.kind != ManifestKind::index) throw Error(Errc::corrupt, "it is no index");
      page.referrers = std::move(index.manifests);
    } catch (const Error& error) {
      DIGESTFS_LOG(debug, "no referrers API: ", error.what());
      return {.referrers = {}, .is_no_api = true, .next = {}};
    }
    page.next = next_page(reply.head, asked, reply.url);
    return page;
  }

  std::optional<ObjectInfo> probe(Endpoint endpoint, const Digest& digest,
                                  const std::stop_token& stop) {
    Question question{.method = Method::head,
                      .target = target(endpoint, digest.str()),
                      .redirects = Question::Redirects::to_registries};
    if (endpoint == Endpoint::manifests) question.fields.push_back(accept_manifests());
    Reply reply = host_.ask(question, ignore, stop);
    const auto exists = [&] { return reply.head.status >= 200 && reply.head.status < 400; };
    if (!exists()) {
      // EP-7: there are registries that deny to HEAD what they give to GET.
      if (reply.head.status != 404 && !asks_for_get(reply.head.status)) throw reply.failure();
      question.method = Method::get;
      if (endpoint == Endpoint::blobs) question.fields.push_back({"Range", "bytes=0-0"});
      reply = host_.ask(question, ignore, stop);
      if (reply.head.status == 416) return ObjectInfo{0};  // it is there, and empty
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

  /// What is asked for of a blob, and what became of that.
  struct BlobPart {
    const Digest& digest;
    Range range = {};
    bool decode = false;
    Clock::time_point since = Clock::now();
    bool moved = false;      ///< something came
    bool from_sink = false;  ///< what was thrown is the sink's
  };

  BlobReceiver::Outcome ask_once(BlobPart& part, ObjectSink& sink, const Request& request) {
    Question question{.target = target(Endpoint::blobs, part.digest.str()),
                      .decode = part.decode,
                      .urgency = request.urgency};
    if (part.range.offset > 0 || part.range.end) {
      question.fields.push_back({"Range", field_of(part.range)});
    }
    if (part.range.offset > 0) {
      // What was cut may have been cut because the token has expired (AUTH-13).
      question.token_since = part.since;
    }
    if (sink.wanted() == Copy::sources) question.fields.push_back(past_caches());
    BlobReceiver receiver(sink, part.digest, part.range, part.decode);
    const auto take = [&](const HttpHead& head, std::span<const std::byte> bytes) {
      part.moved = true;
      part.from_sink = true;
      const Flow flow = receiver.take(head, bytes);
      part.from_sink = false;
      return flow;
    };
    const Reply reply = host_.ask(question, take, request.stop);
    if (reply.head.status == 416 && part.range.offset > 0) {
      const auto range = parse_content_range(reply.head.field("Content-Range").value_or(""));
      if (!range || range->total != part.range.offset) return BlobReceiver::Outcome::useless;
      sink.begin({part.range.offset, part.range.offset});  // it was all there already
      return BlobReceiver::Outcome::taken;
    }
    if (!is_success(reply.head.status)) throw reply.failure();
    return receiver.finish(reply.head);
  }

  /// Asks again where it fails in passing, unless something came: whoever keeps that knows from
  /// where to go on. The sink's own failures come out as they are.
  BlobReceiver::Outcome ask_for(BlobPart part, ObjectSink& sink, const Request& request) {
    try {
      for (Attempts attempts{.urgency = request.urgency};;) {
        try {
          return ask_once(part, sink, request);
        } catch (const Error& error) {
          if (part.moved) throw;
          host_.wait_to_retry(error, attempts, request.stop);
        }
      }
    } catch (const Error& error) {
      if (part.from_sink) throw;
      throw Error(error.code(),
                  str_cat("cannot fetch ", part.digest, " of ", name_, ": ", error.what()));
    }
  }

  void fetch_blob(const Digest& digest, const Range& range, ObjectSink& sink,
                  const Request& request) {
    switch (ask_for({.digest = digest, .range = range}, sink, request)) {
      case BlobReceiver::Outcome::taken:
        return;
      case BlobReceiver::Outcome::coded:
        DIGESTFS_LOG(debug, "asking again, to undo a content coding digest=", digest);
        static_cast<void>(ask_for({.digest = digest, .decode = true}, sink, request));
        return;
      case BlobReceiver::Outcome::useless:
        break;
    }
    // A part that was not asked for: all of it then (EP-9, B2).
    DIGESTFS_LOG(debug, "starting again from byte 0 digest=", digest);
    const bool is_part = range.offset > 0 || range.end;
    if (is_part && ask_for({.digest = digest}, sink, request) == BlobReceiver::Outcome::taken) {
      return;
    }
    throw Error(Errc::corrupt, str_cat("cannot fetch ", digest, " of ", name_,
                                       ": the registry sends a part that was not asked for"));
  }

  // Constant after construction.
  std::string name_;
  std::string root_;
  // Synchronises itself.
  RegistryHost host_;
  // Guarded by the lock it lives in: until when the registry is taken not to list referrers.
  Guarded<Clock::time_point> no_referrers_until_;
  Guarded<Heads> heads_;
};

Client::Client(const Reference& reference, ClientOptions options)
    : impl_(std::make_unique<Impl>(reference, std::move(options))) {}

Client::~Client() = default;

const std::string& Client::name() const { return impl_->name(); }

TagPage Client::list_tags(const std::optional<std::string>& page, const Request& request) {
  return impl_->list_tags(page, request.stop);
}

std::optional<Descriptor> Client::resolve(const std::string& tag, const Request& request) {
  return impl_->resolve(tag, request.stop);
}

std::optional<std::vector<Descriptor>> Client::list_referrers(const Digest& subject,
                                                              const Request& request) {
  return impl_->list_referrers(subject, request.stop);
}

std::optional<ObjectInfo> Client::find(Endpoint endpoint, const Digest& digest,
                                       const Request& request) {
  return impl_->find(endpoint, digest, request.stop);
}

void Client::fetch(Endpoint endpoint, const Digest& digest, const Range& range, ObjectSink& sink,
                   const Request& request) {
  impl_->fetch(endpoint, digest, range, sink, request);
}

}  // namespace digestfs::registry
