// SPDX-License-Identifier: Apache-2.0
#include "tests/support/memory_source.h"

#include <algorithm>
#include <utility>

#include "base/file.h"
#include "base/text.h"

namespace digestfs::test {
namespace {

using registry::Descriptor;
using registry::Endpoint;

constexpr std::size_t kChunk = std::size_t{64} << 10U;

}  // namespace

MemorySource::MemorySource(std::string name) : name_(std::move(name)) {}

Descriptor MemorySource::add_object(Endpoint endpoint, std::string bytes,
                                    std::string_view media_type, std::string_view algorithm) {
  Descriptor descriptor{.digest = digest_of(bytes, algorithm),
                        .media_type = std::string(media_type),
                        .size = bytes.size()};
  auto object = std::make_shared<const std::string>(std::move(bytes));
  state_.lock()->objects[endpoint].insert_or_assign(descriptor.digest, std::move(object));
  return descriptor;
}

void MemorySource::remove(const Digest& digest) {
  const auto state = state_.lock();
  for (auto& [endpoint, objects] : state->objects) objects.erase(digest);
}

void MemorySource::tag(const std::string& name, const Descriptor& descriptor) {
  state_.lock()->tags.insert_or_assign(name, descriptor);
}

void MemorySource::untag(const std::string& name) { state_.lock()->tags.erase(name); }

void MemorySource::set_page_size(std::size_t tags) { state_.lock()->page_size = tags; }

void MemorySource::add_untagged(const Descriptor& descriptor) {
  state_.lock()->untagged.push_back(descriptor);
}

void MemorySource::add_left_out(const registry::LeftOut& left_out) {
  state_.lock()->left_out.push_back(left_out);
}

void MemorySource::set_made(const Digest& digest, const std::string& why) {
  state_.lock()->made[digest] = why;
}

std::string MemorySource::made(const Digest& digest) const {
  const auto state = state_.lock();
  const auto at = state->made.find(digest);
  return at == state->made.end() ? "" : at->second;
}

void MemorySource::serve_instead(const Digest& digest, std::string bytes) {
  auto instead = std::make_shared<const std::string>(std::move(bytes));
  state_.lock()->misbehaviour[digest].instead = std::move(instead);
}

void MemorySource::send_one_byte_more(const Digest& digest) {
  state_.lock()->misbehaviour[digest].one_byte_more = true;
}

void MemorySource::cut_after(const Digest& digest, std::size_t bytes, Times times) {
  state_.lock()->misbehaviour[digest].cut = Cut{bytes, times};
}

void MemorySource::end_after(const Digest& digest, std::size_t bytes) {
  state_.lock()->misbehaviour[digest].ends_after = bytes;
}

std::size_t MemorySource::fetches_past_copies() const { return state_.lock()->fetches_past_copies; }

void MemorySource::refuse_offsets() { state_.lock()->offsets_refused = true; }

void MemorySource::fail(const Digest& digest, Errc code) {
  state_.lock()->misbehaviour[digest].failure = code;
}

void MemorySource::fail_all(Errc code) { state_.lock()->failure = code; }

void MemorySource::deny_missing_tags() { state_.lock()->missing_tags_denied = true; }

void MemorySource::fail_further_pages(Errc code) { state_.lock()->further_pages = code; }

void MemorySource::stall(const Digest& digest) {
  state_.lock()->misbehaviour[digest].stalled = true;
}

void MemorySource::stall_after(const Digest& digest, std::size_t bytes) {
  state_.lock()->misbehaviour[digest].stalled_after = bytes;
}

void MemorySource::stall_all() { state_.lock()->stalled = true; }

void MemorySource::release() {
  {
    const auto state = state_.lock();
    state->stalled = false;
    for (auto& [digest, misbehaviour] : state->misbehaviour) {
      misbehaviour.stalled = false;
      misbehaviour.stalled_after.reset();
    }
  }
  changed_.notify_all();
}

void MemorySource::await_stalled(std::size_t calls) {
  auto state = state_.lock();
  changed_.wait(state.native(), [&] { return state->waiting >= calls; });
}

void MemorySource::behave() {
  {
    const auto state = state_.lock();
    state->misbehaviour.clear();
    state->offsets_refused = false;
    state->failure.reset();
    state->further_pages.reset();
    state->missing_tags_denied = false;
    state->stalled = false;
  }
  changed_.notify_all();
}

std::size_t MemorySource::lists() const { return state_.lock()->lists; }

std::size_t MemorySource::resolves() const { return state_.lock()->resolves; }
std::size_t MemorySource::referrer_lists() const { return state_.lock()->referrer_lists; }

std::size_t MemorySource::finds() const { return state_.lock()->finds; }

std::size_t MemorySource::fetches() const {
  const auto state = state_.lock();
  std::size_t all = 0;
  for (const auto& [digest, offsets] : state->fetches) all += offsets.size();
  return all;
}

std::size_t MemorySource::fetches(const Digest& digest) const { return offsets(digest).size(); }

std::vector<std::uint64_t> MemorySource::offsets(const Digest& digest) const {
  const auto state = state_.lock();
  const auto at = state->fetches.find(digest);
  return at == state->fetches.end() ? std::vector<std::uint64_t>() : at->second;
}

const std::string& MemorySource::name() const { return name_; }

template <class Predicate>
void MemorySource::wait_until(const std::stop_token& stop, Predicate&& is_released) {
  auto state = state_.lock();
  const auto released = [&] { return is_released(*state); };
  if (released()) return;
  ++state->waiting;
  changed_.notify_all();
  changed_.wait(state.native(), stop, released);
  --state->waiting;
}

/// Stalls and fails as it was told to.
void MemorySource::answer_or_not(const Digest* digest, const std::stop_token& stop) {
  const auto misbehaviour_in = [&](const State& state) {
    const auto at = digest == nullptr ? state.misbehaviour.end() : state.misbehaviour.find(*digest);
    return at == state.misbehaviour.end() ? Misbehaviour() : at->second;
  };
  wait_until(stop,
             [&](const State& state) { return !state.stalled && !misbehaviour_in(state).stalled; });
  if (stop.stop_requested()) throw Error(Errc::interrupted, str_cat(name_, " was stopped"));
  std::optional<Errc> failure;
  {
    const auto state = state_.lock();
    failure = misbehaviour_in(*state).failure;
    if (!failure) failure = state->failure;
  }
  if (failure) throw Error(*failure, str_cat(name_, " fails as ", to_string(*failure)));
}

registry::TagPage MemorySource::list_tags(const std::optional<std::string>& page,
                                          const Request& request) {
  ++state_.lock()->lists;
  answer_or_not(nullptr, request.stop);
  const auto state = state_.lock();
  if (page && state->further_pages) {
    throw Error(*state->further_pages, str_cat(name_, " fails after the first page"));
  }
  registry::TagPage answer;
  if (!page) answer.untagged = state->untagged;
  answer.left_out = state->left_out;
  // A page is asked for by the last tag of the one before it.
  auto at = page ? state->tags.upper_bound(*page) : state->tags.begin();
  for (; at != state->tags.end(); ++at) {
    if (answer.tags.size() == state->page_size) {
      answer.next = answer.tags.back();
      break;
    }
    answer.tags.push_back(at->first);
  }
  return answer;
}

std::optional<Descriptor> MemorySource::resolve(const std::string& tag, const Request& request) {
  ++state_.lock()->resolves;
  answer_or_not(nullptr, request.stop);
  const auto state = state_.lock();
  const auto at = state->tags.find(tag);
  if (at != state->tags.end()) return at->second;
  if (state->missing_tags_denied) throw Error(Errc::denied, str_cat(name_, " denies tag ", tag));
  return std::nullopt;
}

void MemorySource::add_referrers(const Digest& subject, const std::vector<Descriptor>& referrers) {
  const auto state = state_.lock();
  if (!state->referrers) state->referrers.emplace();
  auto& all = (*state->referrers)[subject];
  all.insert(all.end(), referrers.begin(), referrers.end());
}

std::optional<std::vector<Descriptor>> MemorySource::list_referrers(const Digest& subject,
                                                                    const Request& request) {
  ++state_.lock()->referrer_lists;
  answer_or_not(nullptr, request.stop);
  const auto state = state_.lock();
  if (!state->referrers) return std::nullopt;
  return (*state->referrers)[subject];
}

std::optional<registry::ObjectInfo> MemorySource::find(Endpoint endpoint, const Digest& digest,
                                                       const Request& request) {
  ++state_.lock()->finds;
  answer_or_not(&digest, request.stop);
  const auto state = state_.lock();
  const auto& objects = state->objects[endpoint];
  const auto at = objects.find(digest);
  if (at == objects.end()) return std::nullopt;
  return registry::ObjectInfo{at->second->size()};
}

void MemorySource::fetch(Endpoint endpoint, const Digest& digest, const registry::Range& range,
                         registry::ObjectSink& sink, const Request& request) {
  {
    const auto state = state_.lock();
    state->fetches[digest].push_back(range.offset);
    if (sink.wanted() == registry::Copy::sources) ++state->fetches_past_copies;
  }
  answer_or_not(&digest, request.stop);
  std::shared_ptr<const std::string> object;
  Misbehaviour misbehaviour;
  bool is_whole = false;
  {
    const auto state = state_.lock();
    if (const auto at = state->objects[endpoint].find(digest);
        at != state->objects[endpoint].end()) {
      object = at->second;
    }
    if (const auto at = state->misbehaviour.find(digest); at != state->misbehaviour.end()) {
      misbehaviour = at->second;
      if (misbehaviour.cut && misbehaviour.cut->times == Times::once) at->second.cut.reset();
    }
    if (misbehaviour.instead) object = misbehaviour.instead;
    is_whole = state->offsets_refused;
  }
  if (!object) throw Error(Errc::not_found, str_cat(name_, " has no ", digest));

  const std::span<const std::byte> bytes = as_bytes(*object);
  is_whole = is_whole || range.offset > bytes.size();
  const auto offset = static_cast<std::size_t>(is_whole ? 0 : range.offset);
  const auto end = is_whole ? bytes.size()
                            : std::min<std::uint64_t>(range.end.value_or(UINT64_MAX), bytes.size());
  sink.begin({offset, misbehaviour.ends_after ? std::nullopt : std::optional(bytes.size())});
  std::span<const std::byte> left = bytes.subspan(offset, static_cast<std::size_t>(end) - offset);
  const auto send = [&](std::size_t count) {
    while (count > 0) {
      if (request.stop.stop_requested())
        throw Error(Errc::interrupted, str_cat(name_, " was stopped"));
      const auto chunk = left.first(std::min(kChunk, count));
      sink.write(chunk);
      left = left.subspan(chunk.size());
      count -= chunk.size();
    }
  };
  if (misbehaviour.cut && misbehaviour.cut->after < left.size()) {
    send(misbehaviour.cut->after);
    throw Error(Errc::unavailable, str_cat(name_, " cut the transfer"));
  }
  if (misbehaviour.ends_after) {
    send(std::min(*misbehaviour.ends_after, left.size()));
    return;
  }
  if (misbehaviour.stalled_after && *misbehaviour.stalled_after < left.size()) {
    send(*misbehaviour.stalled_after);
    wait_until(request.stop, [&](const State& state) {
      const auto at = state.misbehaviour.find(digest);
      return at == state.misbehaviour.end() || !at->second.stalled_after;
    });
  }
  send(left.size());
  if (misbehaviour.one_byte_more) sink.write(as_bytes("+"));
}

}  // namespace digestfs::test
