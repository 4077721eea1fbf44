// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/digest.h"
#include "base/error.h"
#include "base/flight.h"
#include "base/guarded.h"
#include "registry/source.h"

namespace digestfs::cache {

/// A source that is known to have an object, and the endpoint behind which it has the object; or a
/// place outside to which a descriptor of that source leads (VER-4).
struct Origin {
  registry::Source* source;
  registry::Endpoint endpoint;
  std::string url = {};  ///< The place outside; empty for the source itself.

  friend bool operator==(const Origin&, const Origin&) = default;
};

/// What is known of one object.
struct KnownObject {
  /// Why the origins are not asked again, and until when (RTY-9).
  struct Failure {
    Error error;
    Clock::time_point until;
  };

  std::vector<Origin> origins;           ///< in order of preference
  std::optional<std::uint64_t> claimed;  ///< the size that the first descriptor gave
  std::uint64_t most_claimed = 0;        ///< the largest size that a descriptor gave
  std::optional<std::uint64_t> noted;    ///< the size that an earlier mount noted
  std::optional<std::uint64_t> proven;   ///< the size that this mount counted itself
  bool is_named = false;                 ///< a document or the source has named the object
  bool is_confirmed = false;             ///< the source was asked for the object and has it
  std::optional<Failure> failure;

  [[nodiscard]] bool is_behind(registry::Endpoint endpoint) const;
  /// Returns true if `failure` is still remembered at `now`.
  [[nodiscard]] bool is_failed(Clock::time_point now) const {
    return failure && now < failure->until;
  }
};

/// What this mount knows of objects: the sources that have them, and their sizes. It keeps what
/// documents name, what was found, and what the cache has; so the documents of the source bound it.
/// A digest that a caller only guessed is forgotten when it is not found. Nothing here touches the
/// disk or the network. Safe for concurrent use.
class Objects {
 public:
  /// How many places outside its source are remembered of an object; any number of documents may
  /// name some.
  static constexpr std::size_t kMaxUrls = 16;

  /// Adds an origin of `digest`, and the size that a descriptor gave. What is new here is a reason
  /// to forget a failure: whoever describes an object rightly does not pay for whoever did not.
  void meet(const Digest& digest, const Origin& origin, std::optional<std::uint64_t> size);

  /// Returns all that is known of `digest`; of an unknown object, a value without origins.
  [[nodiscard]] KnownObject find(const Digest& digest) const;

  void note_size(const Digest& digest, std::uint64_t size);
  void prove_size(const Digest& digest, std::uint64_t size);

  /// Adds an origin of an object that nothing but a caller has named.
  void guess(const Digest& digest, const Origin& origin);
  /// Forgets an object that was only guessed: whoever needs it again guesses it again. What a
  /// document or the source has named stays, for nothing would name it again.
  void forget_guess(const Digest& digest);

  /// Says that the source was asked for the object and has it.
  void confirm(const Digest& digest);
  /// Returns how many objects are known.
  [[nodiscard]] std::size_t count() const { return objects_.lock()->size(); }

  /// Remembers for a while that the origins in `tried` do not have the bytes of `digest`, unless
  /// more has become known of the object meanwhile.
  void remember_failure(const Digest& digest, const KnownObject& tried, const Error& error);

 private:
  static void add(KnownObject& object, const Origin& origin, std::optional<std::uint64_t> size);

  Guarded<std::unordered_map<Digest, KnownObject>> objects_;
};

}  // namespace digestfs::cache
