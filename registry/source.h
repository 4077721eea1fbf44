// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/request.h"
#include "base/sink.h"
#include "registry/image/descriptor.h"

namespace digestfs::registry {

/// Under which of a registry's two endpoints an object is kept (distribution-spec, "Pulling
/// manifests", "Pulling blobs"). A source that knows no such difference ignores it.
enum class Endpoint { manifests, blobs };

/// A name that the source gave and that cannot be used, and why.
struct LeftOut {
  std::string name;    ///< as it came: hostile bytes
  std::string reason;  ///< one sentence
};

/// A part of the list of tags.
struct TagPage {
  std::vector<std::string> tags;     ///< each matches the tag grammar; in no order, may repeat
  std::vector<Descriptor> untagged;  ///< what the source names without a tag (LOC-1)
  std::vector<LeftOut> left_out;     ///< at most 1000; further ones are counted in the last
  std::optional<std::string> next;   ///< what to ask for the page after this; none at the end
  std::string cut;                   ///< why there is no `next` though this is not the end
};

/// What is known of an object that was not fetched.
struct ObjectInfo {
  std::optional<std::uint64_t> size;
};

/// Which bytes of an object are wanted.
struct Range {
  std::uint64_t offset = 0;               ///< The first byte.
  std::optional<std::uint64_t> end = {};  ///< One past the last byte; absent for the object's end.
};

/// What `Source::fetch` is about to send.
struct Beginning {
  std::uint64_t offset = 0;            ///< of the first byte to come: what was asked, or 0
  std::optional<std::uint64_t> total;  ///< of the whole object, where the source says so
};

/// Whose copy of an object a sink can do with.
enum class Copy {
  any,      ///< one that was kept on the way, too
  sources,  ///< what came before was wrong: the source's own (RTY-9)
};

/// Takes an object from a source.
class ObjectSink : public ByteSink {
 public:
  [[nodiscard]] virtual Copy wanted() const { return Copy::any; }
  /// Comes before the first byte. A source that cannot send the range that was asked for sends the
  /// whole object, and says so here by the offset 0.
  virtual void begin(const Beginning& beginning) = 0;
};

/// One repository, read-only: it lists tags, resolves a tag to a descriptor, and streams an object
/// by digest from an offset. Nothing it says is verified; a digest proves itself above.
///
/// Safe for concurrent use. Calls block; the `Request` of each says how long. All of them end soon,
/// with `Errc::interrupted`, when its stop is requested. Failures are `Error`: `denied`,
/// `rate_limited`, `unavailable`, `timed_out`, `too_large`, or `corrupt` for an answer that makes
/// no sense. Absence that the source is sure of is a value where the signature has one, and
/// `not_found` elsewhere.
class Source {
 public:
  Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  virtual ~Source() = default;

  /// For messages and as the key of what is kept about it: `docker://quay.io/a/b`, `oci:/path`.
  [[nodiscard]] virtual const std::string& name() const = 0;

  /// The first page of tags, or the one that an earlier page's `next` stands for. `next` is opaque:
  /// it goes back to the source unchanged (EP-10). `not_found` where there is no such repository.
  [[nodiscard]] virtual TagPage list_tags(const std::optional<std::string>& page,
                                          const Request& request) = 0;

  /// What `tag` (which matches the tag grammar) names now. Digest always; media type and size where
  /// the source says.
  [[nodiscard]] virtual std::optional<Descriptor> resolve(const std::string& tag,
                                                          const Request& request) = 0;

  /// What has `subject` as its subject, by the source's own account, all pages of it
  /// (distribution-spec, "Listing Referrers"). Nothing where the source keeps no such account; then
  /// a tag may (`fallback_tag`, EP-12).
  [[nodiscard]] virtual std::optional<std::vector<Descriptor>> list_referrers(
      const Digest& subject, const Request& request) = 0;

  /// Whether the object exists, without fetching it and without asking anybody but the source
  /// itself (a redirect means that it does).
  [[nodiscard]] virtual std::optional<ObjectInfo> find(Endpoint endpoint, const Digest& digest,
                                                       const Request& request) = 0;

  /// Streams the bytes `range` of the object. Returns when the transfer ended in order;
  /// whether the bytes are right is for the sink to find out. What the sink throws comes out here.
  /// A signed schema 1 manifest is sent as the payload that its digest is over (MT-6).
  virtual void fetch(Endpoint endpoint, const Digest& digest, const Range& range, ObjectSink& sink,
                     const Request& request) = 0;
};

}  // namespace digestfs::registry
