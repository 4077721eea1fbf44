// SPDX-License-Identifier: Apache-2.0
#include "registry/host/blob_reader.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/error.h"
#include "base/flight.h"
#include "base/log.h"
#include "base/text.h"
#include "registry/http/content_range.h"

namespace digestfs::registry {
namespace {

/// The value of the `Range` field that asks for `range` (RFC 9110, 14.2).
std::string field_of(const Range& range) {
  return range.end ? str_cat("bytes=", range.offset, "-", *range.end - 1)
                   : str_cat("bytes=", range.offset, "-");
}

/// The entity tag of an answer.
std::string version_of(const HttpHead& head) { return head.field("ETag").value_or(""); }

bool is_part(const Range& range) { return range.offset > 0 || range.end; }

/// Passes a blob on to a sink, as far as it is the range that was asked for.
class Receiver {
 public:
  enum class Outcome {
    taken,
    useless,  ///< Another part came than was asked for.
    coded,    ///< It came in a coding, and only what that stands for can be the blob (VER-9).
  };

  /// `is_decoded` tells that a coding was undone already.
  Receiver(ObjectSink& sink, const Digest& digest, const Range& range, bool is_decoded)
      : sink_(sink), digest_(digest), range_(range), is_decoded_(is_decoded) {}

  Flow take(const HttpHead& head, std::span<const std::byte> part) {
    if (!begin(head)) return Flow::enough;
    if (hasher_) hasher_->update(part);
    sink_.write(part);
    return Flow::more;
  }

  /// Must be called once the answer has ended: an empty body has no parts.
  [[nodiscard]] Outcome finish(const HttpHead& head) {
    if (!begin(head)) return Outcome::useless;
    return hasher_ && hasher_->finish() != digest_ ? Outcome::coded : Outcome::taken;
  }

 private:
  /// Returns true if what comes is of use (EP-9).
  bool begin(const HttpHead& head) {
    if (begun_) return useful_;
    begun_ = true;
    // A coding is mostly the layer's own, and not one of HTTP. The digest tells.
    if (is_coded(head) && !is_decoded_ && range_.offset == 0 && digest_.is_verifiable()) {
      hasher_.emplace(digest_.algorithm());
    }
    if (head.status != 206) {
      sink_.begin({0, content_length(head), version_of(head)});
      return useful_ = true;
    }
    const auto range = parse_content_range(head.field("Content-Range").value_or(""));
    useful_ = range && range->span && range->span->first == range_.offset &&
              is_whole(range->span->last + 1, range->total);
    if (useful_) sink_.begin({range_.offset, range->total, version_of(head)});
    return useful_;
  }

  /// Returns true if a part that ends before `end` is all that was asked for of `total` bytes.
  [[nodiscard]] bool is_whole(std::uint64_t end, std::optional<std::uint64_t> total) const {
    return end == range_.end || (!range_.end && !total) ||
           (end == total && end <= range_.end.value_or(end));
  }

  ObjectSink& sink_;
  const Digest& digest_;
  Range range_;
  bool is_decoded_;
  std::optional<Hasher> hasher_;
  bool begun_ = false;
  bool useful_ = false;
};

/// What is asked for of a blob, and what came of that.
struct Part {
  const Digest& digest;
  Range range = {};
  const Url* foreign = nullptr;  ///< Where it is asked for instead of at the registry.
  bool decode = false;
  Clock::time_point since = Clock::now();
  bool moved = false;         ///< Bytes came.
  bool is_from_sink = false;  ///< The sink threw what was thrown.
};

Receiver::Outcome ask_once(Access& access, Part& part, ObjectSink& sink, const Request& request) {
  Question question{.target = access.target(Endpoint::blobs, part.digest.str()),
                    .decode = part.decode,
                    .is_long = request.urgency == Urgency::content};
  if (is_part(part.range)) question.fields.push_back({"Range", field_of(part.range)});
  // A transfer that was cut may have been cut because the token has expired (AUTH-13). A part with
  // an end is one of many.
  if (part.range.offset > 0 && !part.range.end) question.token_since = part.since;
  if (sink.wanted() == Copy::sources) question.fields.push_back(past_caches());
  Receiver receiver(sink, part.digest, part.range, part.decode);
  const auto take = [&](const HttpHead& head, std::span<const std::byte> bytes) {
    part.moved = true;
    part.is_from_sink = true;
    const Flow flow = receiver.take(head, bytes);
    part.is_from_sink = false;
    return flow;
  };
  const Reply reply = part.foreign != nullptr
                          ? access.ask_foreign(*part.foreign, question, take, request)
                          : access.ask(question, take, request);
  if (reply.head.status == 416 && part.range.offset > 0) {
    const auto range = parse_content_range(reply.head.field("Content-Range").value_or(""));
    if (!range || range->total != part.range.offset) return Receiver::Outcome::useless;
    sink.begin({part.range.offset, part.range.offset, {}});  // it was all there already
    return Receiver::Outcome::taken;
  }
  if (!is_success(reply.head.status)) {
    const Error failure = reply.failure();
    // No login would help: nobody is told there who we are (B11).
    const bool is_refusal = part.foreign != nullptr && failure.code() == Errc::denied;
    throw is_refusal ? Error(Errc::corrupt, failure.what()) : failure;
  }
  return receiver.finish(reply.head);
}

Receiver::Outcome ask_for(Access& access, Part part, ObjectSink& sink, const Request& request) {
  try {
    for (Attempts attempts;;) {
      try {
        return ask_once(access, part, sink, request);
      } catch (const Error& error) {
        // The pace is the registry's; another URL, or the next reader, may do better.
        if (part.moved || part.foreign != nullptr) throw;
        access.wait_to_retry(error, attempts, request);
      }
    }
  } catch (const Error& error) {
    if (part.is_from_sink) throw;
    throw Error(error.code(),
                str_cat("cannot fetch ", part.digest, " of ", access.name(), ": ", error.what()));
  }
}

void fetch_part(Access& access, const Part& part, ObjectSink& sink, const Request& request) {
  const Digest& digest = part.digest;
  Part whole = part;
  whole.range = {};
  switch (ask_for(access, part, sink, request)) {
    case Receiver::Outcome::taken:
      return;
    case Receiver::Outcome::coded:
      DIGESTFS_LOG(debug, "asking again, to undo a content coding digest=", digest);
      whole.decode = true;
      static_cast<void>(ask_for(access, whole, sink, request));
      return;
    case Receiver::Outcome::useless:
      break;
  }
  if (part.range.end) {
    // One of many: whoever asked for it fetches the rest by one connection.
    throw Error(Errc::unsupported, str_cat("cannot fetch a part of ", digest, " of ", access.name(),
                                           ": the server does not send it by itself"));
  }
  // Another part than was asked for came: the whole blob, then (EP-9, B2).
  DIGESTFS_LOG(debug, "starting again from byte 0 digest=", digest);
  if (is_part(part.range) && ask_for(access, whole, sink, request) == Receiver::Outcome::taken) {
    return;
  }
  throw Error(Errc::corrupt, str_cat("cannot fetch ", digest, " of ", access.name(),
                                     ": the server sends a part that was not asked for"));
}

}  // namespace

void fetch_blob(Access& access, const Digest& digest, const Range& range, ObjectSink& sink,
                const Request& request) {
  fetch_part(access, {.digest = digest, .range = range}, sink, request);
}

void fetch_foreign_blob(Access& access, const Url& url, const Digest& digest, const Range& range,
                        ObjectSink& sink, const Request& request) {
  fetch_part(access, {.digest = digest, .range = range, .foreign = &url}, sink, request);
}

}  // namespace digestfs::registry
