// SPDX-License-Identifier: Apache-2.0
#include "cache/objects.h"

#include <algorithm>
#include <chrono>

namespace digestfs::cache {
namespace {

// How long sources that send other bytes than a digest promises are not asked for it again (RTY-9).
constexpr std::chrono::minutes kFailureMemory{1};

}  // namespace

bool KnownObject::is_behind(registry::Endpoint endpoint) const {
  return std::ranges::find(origins, endpoint, &Origin::endpoint) != origins.end();
}

void Objects::meet(const Digest& digest, const Origin& origin, std::optional<std::uint64_t> size) {
  const auto objects = objects_.lock();
  KnownObject& object = (*objects)[digest];
  object.is_named = true;
  add(object, origin, size);
}

void Objects::guess(const Digest& digest, const Origin& origin) {
  const auto objects = objects_.lock();
  add((*objects)[digest], origin, std::nullopt);
}

void Objects::confirm(const Digest& digest) {
  const auto objects = objects_.lock();
  KnownObject& object = (*objects)[digest];
  object.is_named = true;
  object.is_confirmed = true;
}

void Objects::add(KnownObject& object, const Origin& origin, std::optional<std::uint64_t> size) {
  const auto urls =
      std::ranges::count_if(object.origins, [](const Origin& known) { return !known.url.empty(); });
  const bool has_room = origin.url.empty() || static_cast<std::size_t>(urls) < kMaxUrls;
  const bool is_new = has_room && std::ranges::find(object.origins, origin) == object.origins.end();
  if (is_new) object.origins.push_back(origin);
  const bool is_more = size.value_or(0) > object.most_claimed;
  if (!object.claimed) object.claimed = size;
  object.most_claimed = std::max(object.most_claimed, size.value_or(0));
  if (is_new || is_more) object.failure.reset();
}

KnownObject Objects::find(const Digest& digest) const {
  const auto objects = objects_.lock();
  const auto at = objects->find(digest);
  return at == objects->end() ? KnownObject{} : at->second;
}

void Objects::note_size(const Digest& digest, std::uint64_t size) {
  (*objects_.lock())[digest].noted = size;
}

void Objects::prove_size(const Digest& digest, std::uint64_t size) {
  (*objects_.lock())[digest].proven = size;
}

void Objects::forget_guess(const Digest& digest) {
  const auto objects = objects_.lock();
  const auto at = objects->find(digest);
  if (at == objects->end()) return;
  const KnownObject& object = at->second;
  const bool has_size = object.claimed || object.noted || object.proven;
  if (!object.is_named && !has_size && !object.failure) objects->erase(at);
}

void Objects::remember_failure(const Digest& digest, const KnownObject& tried, const Error& error) {
  const auto objects = objects_.lock();
  KnownObject& object = (*objects)[digest];
  if (object.origins != tried.origins || object.most_claimed != tried.most_claimed) return;
  object.failure = KnownObject::Failure{error, Clock::now() + kFailureMemory};
}

}  // namespace digestfs::cache
