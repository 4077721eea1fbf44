// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/flights.h"
#include "base/guarded.h"
#include "cache/content.h"
#include "cache/problems.h"
#include "cache/store.h"
#include "registry/source.h"

namespace digestfs::cache {

/// What a tag named when it was last asked about.
struct Tag {
  registry::Descriptor descriptor;
  /// The source could not be asked; this is its last known answer (promise 7).
  bool stale = false;
  /// How long it is believed from now on.
  Clock::duration believed{};
};

/// The tags of the repository, by name.
struct TagList {
  std::shared_ptr<const std::set<std::string>> names;
  bool stale = false;
  Clock::duration believed{};
};

/// Tags, the one thing here that changes: the list, and what each tag names. Believed for the
/// tag's time to live, asked again after it, remembered across mounts for when the source cannot be
/// asked. What is learned is written down within a few seconds, so that a killed mount loses
/// little. Nothing here waits: see base/flight.h. Safe for concurrent use; the workers are stopped
/// before this ends.
class Tags {
 public:
  /// From how many names on the answers are swept of those that are absent and no longer believed.
  static constexpr std::size_t kManyAnswers = 10'000;

  Tags(const Store& store, registry::Source& source, Workers& workers, Problems& problems,
       Network network, Clock::duration time_to_live, std::size_t many_answers = kManyAnswers);
  /// Saves what it knows.
  ~Tags();

  /// Takes the first page from the source, blocking: a wrong repository or credential fails here
  /// (promise 4). Where the source cannot be reached, an earlier mount's list does; none throws.
  void start(std::stop_token stop);

  /// Returns true if a list, or what a tag names, is known: of this mount or of an earlier one.
  [[nodiscard]] bool is_anything_known() const;

  /// The whole list; costs the pages that have not come yet, nothing while it is believed.
  [[nodiscard]] TagList list(const Patience& patience);

  /// What `name` names now; nothing where the source says that there is no such tag. Where the
  /// source does not answer within 2 s, or not at all, a known tag keeps its last digest.
  [[nodiscard]] std::optional<Tag> resolve(const std::string& name, const Patience& patience);

  /// Says that there is no good manifest by the digest that `name` is said to have, so that the
  /// source is asked once more (EP-4). False where that was done before: then it is the truth.
  [[nodiscard]] bool doubt(const std::string& name, const Digest& digest);

  /// Believes nothing any longer that was asked for before now, whatever the time to live says.
  void ask_again();
  /// Returns how often `ask_again` was called. What was made of tags before the last call is old.
  [[nodiscard]] std::uint64_t round() const { return memory_.lock()->round; }

  /// Returns true if `name` may be taken for a tag without asking: it is in a list that is still
  /// believed, or was resolved not long ago.
  [[nodiscard]] bool is_listed(const std::string& name) const;

  /// Returns true if a list that is still believed, and whole, says that there is no such tag.
  [[nodiscard]] bool is_unlisted(const std::string& name) const;

  /// Returns what `name` named last, if it was resolved through this mount. A mount that can ask
  /// nobody takes what an earlier one was told. Never asks.
  [[nodiscard]] std::optional<Tag> known(const std::string& name) const;

  /// When the list changed last, or stopped being believed: a number that moves with each change.
  [[nodiscard]] std::int64_t list_version() const;
  /// The same of what `name` names.
  [[nodiscard]] std::int64_t version(const std::string& name) const;

  /// What the source names without a tag, as of the last list.
  [[nodiscard]] std::vector<registry::Descriptor> untagged() const;
  /// The annotations that the source gives such an image.
  [[nodiscard]] registry::Annotations annotations(const Digest& untagged) const;

 private:
  struct Answer {
    std::optional<registry::Descriptor> descriptor;  ///< none: there is no such tag
    bool stale = false;
    bool is_of_earlier_mount = false;  ///< nobody has asked for it through this mount
    std::int64_t asked_ns = 0;  ///< the same by the clock on the wall; an earlier mount's included
    Clock::time_point asked_at{};
    Clock::time_point believed_until{};
    std::int64_t version = 0;
  };
  struct Listing {
    std::shared_ptr<const std::set<std::string>> names = std::make_shared<std::set<std::string>>();
    std::optional<std::string> next;  ///< the page to go on from
    bool complete = false;
    bool is_cut = false;  ///< it did not end: what is not in it may be there
    bool any = false;     ///< whether there is a list at all
    bool stale = false;
    std::int64_t listed_ns = 0;  ///< when it came, by the clock on the wall
    Clock::time_point asked_at{};
    Clock::time_point believed_until{};
    std::int64_t version = 0;
    std::vector<registry::Descriptor> untagged;
  };
  struct Memory {
    Listing listing;
    /// The last list to its end, of this mount or an earlier one, or the last that was cut where
    /// none ever came to its end; null where there was none.
    std::shared_ptr<const std::set<std::string>> last;
    bool is_last_cut = true;
    std::int64_t last_listed_ns = 0;
    std::unordered_map<std::string, Answer> answers;
    std::size_t sweep_at = 0;       ///< how many answers there are when they are swept next
    std::set<std::string> doubted;  ///< a tag and what it was said to name
    std::int64_t last_version = 0;
    std::uint64_t round = 0;  ///< how often `ask_again` was called
    Clock::time_point saved_at{};
    bool changed = false;
    bool is_save_planned = false;  ///< a worker will save what has changed
  };

  void take_page(const registry::TagPage& page, Listing& listing,
                 std::set<std::string>& names) const;
  void cut(Listing& listing, const std::string& why) const;
  void follow_pages(Listing& listing, std::set<std::string>& names,
                    const std::stop_token& stop) const;
  void fetch_list(std::stop_token stop);
  void ask(const std::string& name, std::stop_token stop);
  void load();
  void save_soon();
  void save_when_due();
  void save() noexcept;
  static void keep(Memory& memory);
  static std::int64_t next_version(Memory& memory);

  // Constant after construction.
  const Store& store_;
  registry::Source& source_;
  Workers& workers_;
  Problems& problems_;
  Network network_;
  Clock::duration time_to_live_;
  std::size_t many_answers_;
  // Synchronise themselves.
  Flights flights_;
  // Guarded by the lock it lives in.
  Guarded<Memory> memory_;
};

}  // namespace digestfs::cache
