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

/// The two endpoints of a registry (distribution-spec, "Pulling manifests", "Pulling blobs"). An
/// object is kept under one of them. A source without this distinction ignores the endpoint.
enum class Endpoint { manifests, blobs };

/// A name that the source gave and that cannot be used.
struct LeftOut {
  std::string name;    ///< The name as it came: hostile bytes.
  std::string reason;  ///< Why it cannot be used, in one sentence.
};

/// A part of the list of tags.
struct TagPage {
  std::vector<std::string> tags;     ///< Each matches the tag grammar. Unsorted; may repeat.
  std::vector<Descriptor> untagged;  ///< Images that the source names without a tag (LOC-1).
  std::vector<LeftOut> left_out;     ///< At most 1000; the last one counts the rest.
  std::optional<std::string> next;   ///< Names the next page. Absent on the last page.
  std::string cut;                   ///< Why `next` is absent although this is not the last page.
};

/// What a source says about an object without sending it.
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
  std::uint64_t offset = 0;            ///< The offset of the first byte: as asked for, or 0.
  std::optional<std::uint64_t> total;  ///< The size of the whole object, if the source says it.
  /// Names the bytes that the source has now, so that parts of two versions are not put together
  /// (RFC 9110, 8.8.3). Empty if the source says nothing of it.
  std::string version = {};
};

/// Which copy of an object a sink accepts.
enum class Copy {
  any,      ///< A copy that a cache on the way keeps is good enough.
  sources,  ///< Only the source's own copy: an earlier copy was wrong (RTY-9).
};

/// Takes an object from a source.
class ObjectSink : public ByteSink {
 public:
  /// Which copy this sink accepts.
  [[nodiscard]] virtual Copy wanted() const { return Copy::any; }
  /// Is called before the first byte. A source that cannot send the range that was asked for sends
  /// the whole object, and says so here by the offset 0.
  virtual void begin(const Beginning& beginning) = 0;
};

/// One repository, read-only: it lists tags, resolves a tag to a descriptor, and streams an object
/// by digest. A source verifies nothing: the cache checks every object against its digest.
///
/// Safe for concurrent use. Calls block; the `Request` of each says how long. All of them end soon,
/// with `Errc::interrupted`, when its stop is requested. Failures are `Error`: `denied`,
/// `rate_limited`, `unavailable`, `timed_out`, `too_large`, or `corrupt` for an answer that makes
/// no sense. If the source is sure that something does not exist, it returns an empty optional
/// where the signature has one, and throws `not_found` elsewhere.
class Source {
 public:
  Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  virtual ~Source() = default;

  /// The name of the source in messages, and the key of what the cache keeps about it:
  /// `docker://quay.io/a/b`, `oci:/path`.
  [[nodiscard]] virtual const std::string& name() const = 0;

  /// Reads certificates again, and credentials before the next question, and asks their helpers
  /// again. Does not wait for the network.
  virtual void ask_again() {}

  /// Returns true if the source keeps layers as the tars that they unpack to (LOC-5). Such a source
  /// has each diff behind its blobs endpoint, under its diff_id, and may lack the layer that the
  /// manifest names.
  [[nodiscard]] virtual bool keeps_diffs() const { return false; }

  /// Returns the first page of tags, or the page that an earlier page's `next` names. `next` is
  /// opaque: the caller passes it back unchanged (EP-10). Throws `not_found` if there is no such
  /// repository.
  [[nodiscard]] virtual TagPage list_tags(const std::optional<std::string>& page,
                                          const Request& request) = 0;

  /// Returns what `tag`, which matches the tag grammar, names now, or nothing if there is no such
  /// tag. The descriptor always has a digest; it has a media type and a size if the source says so.
  [[nodiscard]] virtual std::optional<Descriptor> resolve(const std::string& tag,
                                                          const Request& request) = 0;

  /// Returns all manifests whose subject is `subject` (distribution-spec, "Listing Referrers").
  /// Returns nothing if the source keeps no such list; then a tag may hold it (`fallback_tag`,
  /// EP-12).
  [[nodiscard]] virtual std::optional<std::vector<Descriptor>> list_referrers(
      const Digest& subject, const Request& request) = 0;

  /// Asks whether the object exists, and returns nothing if it does not. Fetches nothing, and asks
  /// only the source itself: a redirect to another server means that the object exists.
  [[nodiscard]] virtual std::optional<ObjectInfo> find(Endpoint endpoint, const Digest& digest,
                                                       const Request& request) = 0;

  /// Streams the bytes `range` of the object to `sink`. Returns when the transfer ended in order;
  /// the sink finds out whether the bytes are right. Lets through what the sink throws. Of a signed
  /// schema 1 manifest it sends the payload, which the digest is computed from (MT-6).
  virtual void fetch(Endpoint endpoint, const Digest& digest, const Range& range, ObjectSink& sink,
                     const Request& request) = 0;

  /// The same from `url`, a place outside the source to which a descriptor of it leads (VER-4). The
  /// server there learns nothing of who asks. Throws `not_found` if this source leads nowhere.
  virtual void fetch_from(const std::string& url, const Digest& digest, const Range& range,
                          ObjectSink& sink, const Request& request);

  /// Returns a sentence that says why digestfs made the manifest `digest` if the source keeps the
  /// image without a manifest. Returns an empty text for everything that the source itself keeps.
  /// Asks nobody.
  [[nodiscard]] virtual std::string made(const Digest& /*digest*/) const { return {}; }
};

}  // namespace digestfs::registry
