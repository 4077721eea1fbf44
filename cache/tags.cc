// SPDX-License-Identifier: Apache-2.0
#include "cache/tags.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "cache/tag_note.h"
#include "registry/image/reference.h"

namespace digestfs::cache {
namespace {

using registry::Descriptor;

// How long a known tag waits for the source before its last digest is used (promise 5).
constexpr std::chrono::seconds kKnownTagPatience{2};
// How often, at most, what is known is written down; mounting and unmounting apart.
constexpr std::chrono::seconds kSaveEvery{2};

// Where a list of tags is cut (EP-10): pages, tags, and pages in a row that bring nothing new.
constexpr std::size_t kMaxTagPages = 10'000;
constexpr std::size_t kMaxTags = 2'000'000;
constexpr int kMaxIdleTagPages = 10;

std::int64_t wall_clock_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

Tags::Tags(const Store& store, registry::Source& source, Workers& workers, Problems& problems,
           Network network, Clock::duration time_to_live, std::size_t many_answers)
    : store_(store),
      source_(source),
      workers_(workers),
      problems_(problems),
      network_(network),
      time_to_live_(time_to_live),
      many_answers_(many_answers),
      flights_(workers) {
  load();
}

Tags::~Tags() { save(); }

std::int64_t Tags::next_version(Memory& memory) {
  // It becomes a time stamp that people see, so it is the time; but it never repeats.
  memory.last_version = std::max(memory.last_version + 1, wall_clock_ns());
  return memory.last_version;
}

void Tags::take_page(const registry::TagPage& page, Listing& listing,
                     std::set<std::string>& names) const {
  for (const std::string& tag : page.tags) {
    if (registry::is_tag(tag)) names.insert(tag);
  }
  for (const registry::LeftOut& left_out : page.left_out) {
    problems_.report({.kind = ProblemKind::bad_name,
                      .object = left_out.name,
                      .detail = str_cat("left out of the tags: ", left_out.reason)});
  }
  listing.untagged.insert(listing.untagged.end(), page.untagged.begin(), page.untagged.end());
  listing.next = page.next;
  listing.complete = !page.next;
  if (!page.cut.empty()) cut(listing, page.cut);
}

/// Keeps the list for when the source is silent. A part does not take the place of the whole
/// (promise 7).
void Tags::keep(Memory& memory) {
  if (memory.listing.is_cut && !memory.is_last_cut) return;
  memory.last = memory.listing.names;
  memory.is_last_cut = memory.listing.is_cut;
  memory.last_listed_ns = memory.listing.listed_ns;
}

/// Leaves it at what has come (EP-10).
void Tags::cut(Listing& listing, const std::string& why) const {
  problems_.report({.kind = ProblemKind::limit,
                    .object = "tags/list",
                    .detail = str_cat("the list of tags was cut: ", why)});
  listing.next.reset();
  listing.complete = true;
  listing.is_cut = true;
}

void Tags::start(std::stop_token stop) {
  if (network_ == Network::offline) {
    if (!memory_.lock()->listing.any) {
      throw Error(Errc::timed_out, str_cat("cannot mount ", source_.name(),
                                           ": nothing of it is cached, and --offline was given"));
    }
    return;
  }
  Listing listing;
  listing.asked_at = Clock::now();
  try {
    std::set<std::string> names;
    take_page(source_.list_tags(std::nullopt, {.stop = std::move(stop)}), listing, names);
    listing.names = std::make_shared<const std::set<std::string>>(std::move(names));
  } catch (const Error& error) {
    if (!is_silence(error.code()) || !memory_.lock()->listing.any) throw;
    DIGESTFS_LOG(warning, "using the tags of an earlier mount: ", error.what());
    return;
  }
  listing.any = true;
  listing.listed_ns = wall_clock_ns();
  listing.believed_until = listing.asked_at + time_to_live_;
  const auto memory = memory_.lock();
  listing.version = next_version(*memory);
  memory->listing = std::move(listing);
  if (memory->listing.complete) keep(*memory);
  memory->changed = true;
}

bool Tags::is_anything_known() const {
  const auto memory = memory_.lock();
  return memory->listing.any || !memory->answers.empty();
}

TagList Tags::list(const Patience& patience) {
  const auto now = Clock::now();
  Listing known;
  {
    const auto memory = memory_.lock();
    known = memory->listing;
  }
  const auto answer = [&] {
    return TagList{known.names, known.stale,
                   std::max(Clock::duration::zero(), known.believed_until - now)};
  };
  if (network_ == Network::offline) {
    known.stale = true;
    return answer();
  }
  // An answer that came after the question is good for it even if nothing is believed for long.
  const bool fresh = now < known.believed_until || known.asked_at >= patience.since;
  if (known.complete && fresh) return answer();
  const auto work = [this](std::stop_token stop) { fetch_list(std::move(stop)); };
  try {
    await(flights_.join("list the tags of " + source_.name(), Lane::question, work), patience);
  } catch (const Error& error) {
    const auto memory = memory_.lock();
    if (!memory->last || !is_silence(error.code())) throw;
    Listing& listing = memory->listing;
    listing.names = memory->last;
    listing.is_cut = memory->is_last_cut;
    listing.complete = true;
    listing.next.reset();
    if (!listing.stale) listing.version = next_version(*memory);
    listing.stale = true;
    listing.believed_until = now + std::min<Clock::duration>(time_to_live_, kKnownTagPatience);
    known = listing;
    return answer();
  }
  // It landed between our look and the join: look again.
  return list(patience);
}

void Tags::follow_pages(Listing& listing, std::set<std::string>& names,
                        const std::stop_token& stop) const {
  std::set<std::string> visited;
  int idle = 0;
  while (listing.next) {
    // EP-10: a registry may link a page to itself, or make up pages without end.
    if (!visited.insert(*listing.next).second || idle == kMaxIdleTagPages ||
        visited.size() > kMaxTagPages || names.size() > kMaxTags) {
      cut(listing,
          str_cat("it does not end after ", visited.size(), " pages and ", names.size(), " tags"));
      return;
    }
    const std::size_t before = names.size();
    try {
      take_page(source_.list_tags(listing.next, {.stop = stop}), listing, names);
    } catch (const Error& error) {
      if (error.code() != Errc::too_large) throw;
      cut(listing, error.what());
      return;
    }
    idle = names.size() > before ? 0 : idle + 1;
  }
}

void Tags::fetch_list(std::stop_token stop) {
  Listing listing;
  std::uint64_t round = 0;
  {
    const auto memory = memory_.lock();
    listing = memory->listing;
    round = memory->round;
  }
  const auto now = Clock::now();
  std::set<std::string> names;
  if (listing.any && !listing.complete && now < listing.believed_until) {
    names = *listing.names;  // go on from the first page that mounting asked for
  } else {
    listing = Listing{};
    listing.asked_at = now;
    take_page(source_.list_tags(std::nullopt, {.stop = stop}), listing, names);
  }
  follow_pages(listing, names, stop);
  listing.any = true;
  const auto done = Clock::now();
  listing.asked_at = done;
  listing.listed_ns = wall_clock_ns();
  listing.believed_until = done + time_to_live_;
  listing.names = std::make_shared<const std::set<std::string>>(std::move(names));
  {
    const auto memory = memory_.lock();
    if (memory->round != round) listing.believed_until = {};
    listing.version = next_version(*memory);
    memory->listing = std::move(listing);
    keep(*memory);
    memory->changed = true;
  }
  save_soon();
}

std::optional<Tag> Tags::resolve(const std::string& name, const Patience& patience) {
  const auto now = Clock::now();
  Answer known;
  {
    const auto memory = memory_.lock();
    if (const auto at = memory->answers.find(name); at != memory->answers.end()) known = at->second;
  }
  const auto answer = [&]() -> std::optional<Tag> {
    if (!known.descriptor) return std::nullopt;
    return Tag{*known.descriptor, known.stale,
               std::max(Clock::duration::zero(), known.believed_until - now)};
  };
  if (network_ == Network::offline) {
    if (!known.descriptor) {
      throw Error(Errc::timed_out, str_cat("cannot resolve tag ", name, " of ", source_.name(),
                                           ": it is not cached, and --offline was given"));
    }
    known.stale = true;
    return answer();
  }
  const bool asked = known.asked_at != Clock::time_point{};
  if (asked && (now < known.believed_until || known.asked_at >= patience.since)) return answer();
  const auto work = [this, name](std::stop_token stop) { ask(name, std::move(stop)); };
  try {
    const auto flight =
        flights_.join(str_cat("tag ", source_.name(), ":", name), Lane::question, work);
    await(flight, known.descriptor ? patience.at_most(kKnownTagPatience) : patience);
  } catch (const Error& error) {
    if (!known.descriptor || !is_silence(error.code())) throw;
    DIGESTFS_LOG(debug, "tag keeps its last digest tag=", name, " cause=", error.what());
    const auto memory = memory_.lock();
    Answer& kept = memory->answers[name];
    if (!kept.stale) kept.version = next_version(*memory);
    kept.stale = true;
    kept.is_of_earlier_mount = false;
    kept.believed_until = now + std::min<Clock::duration>(time_to_live_, kKnownTagPatience);
    known = kept;
    return answer();
  }
  return resolve(name, patience);
}

void Tags::ask(const std::string& name, std::stop_token stop) {
  const std::uint64_t round = memory_.lock()->round;
  auto descriptor = source_.resolve(name, {.stop = std::move(stop)});
  const auto now = Clock::now();
  {
    const auto memory = memory_.lock();
    if (memory->answers.size() >= std::max(many_answers_, memory->sweep_at)) {
      std::erase_if(memory->answers, [now](const auto& kept) {
        return !kept.second.descriptor && kept.second.believed_until <= now;
      });
      memory->sweep_at = 2 * memory->answers.size();
    }
    Answer& answer = memory->answers[name];
    const bool moved =
        answer.descriptor.has_value() != descriptor.has_value() ||
        (descriptor && answer.descriptor && answer.descriptor->digest != descriptor->digest);
    answer.descriptor = std::move(descriptor);
    answer.stale = false;
    answer.is_of_earlier_mount = false;
    answer.asked_at = now;
    answer.asked_ns = wall_clock_ns();
    answer.believed_until = memory->round == round ? now + time_to_live_ : Clock::time_point{};
    answer.version = next_version(*memory);
    memory->changed = memory->changed || moved;
  }
  save_soon();
}

bool Tags::doubt(const std::string& name, const Digest& digest) {
  const auto memory = memory_.lock();
  if (network_ == Network::offline) return false;
  if (!memory->doubted.insert(str_cat(name, " ", digest)).second) return false;
  const auto at = memory->answers.find(name);
  if (at != memory->answers.end()) at->second.asked_at = {};
  return true;
}

void Tags::ask_again() {
  const auto memory = memory_.lock();
  ++memory->round;
  memory->listing.believed_until = {};
  for (auto& [name, answer] : memory->answers) answer.believed_until = {};
  memory->doubted.clear();
}

bool Tags::is_listed(const std::string& name) const {
  const auto now = Clock::now();
  const auto memory = memory_.lock();
  const Listing& listing = memory->listing;
  const auto at = memory->answers.find(name);
  const bool answered = at != memory->answers.end() && at->second.asked_at > listing.asked_at &&
                        now < at->second.believed_until;
  if (answered) return at->second.descriptor.has_value();
  if (listing.any && (network_ == Network::offline || now < listing.believed_until) &&
      listing.names->contains(name)) {
    return true;
  }
  if (at == memory->answers.end() || !at->second.descriptor) return false;
  return network_ == Network::offline || now < at->second.believed_until;
}

bool Tags::is_unlisted(const std::string& name) const {
  const auto memory = memory_.lock();
  const Listing& listing = memory->listing;
  return listing.complete && !listing.is_cut && !listing.stale &&
         Clock::now() < listing.believed_until && !listing.names->contains(name);
}

std::optional<Tag> Tags::known(const std::string& name) const {
  const auto memory = memory_.lock();
  const auto at = memory->answers.find(name);
  if (at == memory->answers.end() || !at->second.descriptor) return std::nullopt;
  const bool is_offline = network_ == Network::offline;
  // What an earlier mount was told is nothing yet to a mount that can ask.
  if (at->second.is_of_earlier_mount && !is_offline) return std::nullopt;
  return Tag{*at->second.descriptor, at->second.stale || is_offline, {}};
}

std::int64_t Tags::list_version() const {
  const auto memory = memory_.lock();
  // Once it is no longer believed it has to look changed, or the kernel goes on showing its copy.
  return memory->listing.version + (Clock::now() < memory->listing.believed_until ? 0 : 1);
}

std::int64_t Tags::version(const std::string& name) const {
  const auto memory = memory_.lock();
  const auto at = memory->answers.find(name);
  if (at == memory->answers.end()) return 0;
  return at->second.version + (Clock::now() < at->second.believed_until ? 0 : 1);
}

std::vector<Descriptor> Tags::untagged() const { return memory_.lock()->listing.untagged; }

registry::Annotations Tags::annotations(const Digest& untagged) const {
  const auto memory = memory_.lock();
  for (const Descriptor& image : memory->listing.untagged) {
    if (image.digest == untagged && !image.annotations.empty()) return image.annotations;
  }
  return {};
}

void Tags::load() {
  RememberedTags remembered = read_tags(store_, source_.name());
  const auto memory = memory_.lock();
  if (remembered.list) {
    memory->listing.names = remembered.list->names;
    memory->listing.any = true;
    memory->listing.complete = remembered.list->complete;
    memory->listing.is_cut = remembered.list->is_cut;
    memory->listing.listed_ns = remembered.list->listed_ns;
    if (memory->listing.complete) keep(*memory);
    memory->listing.version = next_version(*memory);
  }
  for (auto& [name, tag] : remembered.tags) {
    Answer answer;
    answer.descriptor = std::move(tag.descriptor);
    answer.asked_ns = tag.asked_ns;
    answer.stale = true;
    answer.is_of_earlier_mount = true;
    answer.version = next_version(*memory);
    memory->answers.emplace(name, std::move(answer));
  }
}

/// Saves what has changed: now, or by a worker once the last time is long enough ago.
void Tags::save_soon() {
  bool is_due = false;
  {
    const auto memory = memory_.lock();
    if (!memory->changed || memory->is_save_planned) return;
    is_due = Clock::now() >= memory->saved_at + kSaveEvery;
    memory->is_save_planned = !is_due;
  }
  if (is_due) {
    save();
    return;
  }
  // Without a name: this is nothing that a reader waits for.
  const auto work = [this](const std::stop_token&) { save_when_due(); };
  if (!workers_.launch(Lane::light, std::make_shared<Flight>(), work)) {
    memory_.lock()->is_save_planned = false;
  }
}

void Tags::save_when_due() {
  {
    const auto memory = memory_.lock();
    const auto due = memory->saved_at + kSaveEvery;
    const auto now = Clock::now();
    if (now < due) throw NotYet{due - now};
    memory->is_save_planned = false;
  }
  save();
}

void Tags::save() noexcept try {
  RememberedTags known;
  {
    const auto memory = memory_.lock();
    if (!memory->changed) return;
    memory->changed = false;
    memory->saved_at = Clock::now();
    if (memory->last) {
      known.list = {memory->last, true, memory->is_last_cut, memory->last_listed_ns};
    } else if (memory->listing.any) {
      known.list = {memory->listing.names, false, false, memory->listing.listed_ns};
    }
    for (const auto& [name, answer] : memory->answers) {
      known.tags.emplace(name, RememberedTag{answer.descriptor, answer.asked_ns});
    }
  }
  write_tags(store_, source_.name(), std::move(known));
} catch (const std::exception& error) {
  // The mount works without; only a later one with the source away is poorer.
  DIGESTFS_LOG(warning, "cannot write down the tags of ", source_.name(), ": ", error.what());
}

}  // namespace digestfs::cache
