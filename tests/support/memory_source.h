// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/error.h"
#include "base/guarded.h"
#include "registry/source.h"

namespace digestfs::test {

/// A repository in memory that misbehaves when told to and counts what it is asked. Safe for
/// concurrent use.
class MemorySource final : public registry::Source {
 public:
  enum class Times { once, always };

  explicit MemorySource(std::string name = "memory:repository");

  // What there is.

  /// Keeps `bytes` behind `endpoint`, under their own digest.
  registry::Descriptor add_object(registry::Endpoint endpoint, std::string bytes,
                                  std::string_view media_type = "",
                                  std::string_view algorithm = "sha256");
  void remove(const Digest& digest);
  void tag(const std::string& name, const registry::Descriptor& descriptor);
  void untag(const std::string& name);
  /// How many tags a page holds; all of them unless told.
  void set_page_size(std::size_t tags);
  /// Said with the first page of tags.
  void add_untagged(const registry::Descriptor& descriptor);
  /// What refers to `subject`. Until this is called the source does not list referrers at all.
  void add_referrers(const Digest& subject, const std::vector<registry::Descriptor>& referrers);
  /// Says why the manifest `digest` was made here.
  void set_made(const Digest& digest, const std::string& why);
  /// Said with every page of tags.
  void add_left_out(const registry::LeftOut& left_out);

  /// Says from now on that layers are kept as the tars that they unpack to.
  void keep_diffs() { keeps_diffs_ = true; }

  // What goes wrong, until `behave`.

  /// Sends `bytes` for `digest`, whatever they hash to.
  void serve_instead(const Digest& digest, std::string bytes);
  void send_one_byte_more(const Digest& digest);
  /// Sends `bytes` of what was asked for and fails as `unavailable` if there would be more.
  void cut_after(const Digest& digest, std::size_t bytes, Times times);
  /// Ends each transfer in order after `bytes` of what was asked for, and says no length before.
  void end_after(const Digest& digest, std::size_t bytes);
  /// Starts every fetch at 0, as a server without ranges does.
  void refuse_offsets();
  /// Fails a fetch or find of `digest`.
  void fail(const Digest& digest, Errc code);
  /// Fails every call.
  void fail_all(Errc code);
  /// Answers `denied` where there is no such tag.
  void deny_missing_tags();
  /// Fails every page of tags but the first.
  void fail_further_pages(Errc code);
  /// Does not answer a fetch or find of `digest` until `release`, or until the call is stopped.
  void stall(const Digest& digest);
  /// Sends `bytes` of what was asked for; the rest comes after `release`.
  void stall_after(const Digest& digest, std::size_t bytes);
  /// Does not answer anything.
  void stall_all();
  void release();
  /// Waits until so many calls do not get their answer.
  void await_stalled(std::size_t calls);
  /// Ends all of the above.
  void behave();

  // What it was asked. Calls that failed count too.

  [[nodiscard]] std::size_t lists() const;
  [[nodiscard]] std::size_t resolves() const;
  [[nodiscard]] std::size_t referrer_lists() const;
  [[nodiscard]] std::size_t finds() const;
  [[nodiscard]] std::size_t fetches() const;
  [[nodiscard]] std::size_t fetches(const Digest& digest) const;
  /// How many of those were not to be answered from a copy on the way.
  [[nodiscard]] std::size_t fetches_past_copies() const;
  /// The offsets that `digest` was fetched from, in order.
  [[nodiscard]] std::vector<std::uint64_t> offsets(const Digest& digest) const;

  [[nodiscard]] const std::string& name() const override;
  [[nodiscard]] bool keeps_diffs() const override { return keeps_diffs_; }
  [[nodiscard]] registry::TagPage list_tags(const std::optional<std::string>& page,
                                            const Request& request) override;
  [[nodiscard]] std::optional<registry::Descriptor> resolve(const std::string& tag,
                                                            const Request& request) override;
  [[nodiscard]] std::optional<std::vector<registry::Descriptor>> list_referrers(
      const Digest& subject, const Request& request) override;
  [[nodiscard]] std::optional<registry::ObjectInfo> find(registry::Endpoint endpoint,
                                                         const Digest& digest,
                                                         const Request& request) override;
  void fetch(registry::Endpoint endpoint, const Digest& digest, const registry::Range& range,
             registry::ObjectSink& sink, const Request& request) override;
  [[nodiscard]] std::string made(const Digest& digest) const override;

 private:
  struct Cut {
    std::size_t after = 0;
    Times times = Times::once;
  };
  struct Misbehaviour {
    std::shared_ptr<const std::string> instead;
    bool one_byte_more = false;
    std::optional<Cut> cut;
    std::optional<std::size_t> ends_after;
    std::optional<Errc> failure;
    bool stalled = false;
    std::optional<std::size_t> stalled_after;
  };
  struct State {
    std::map<registry::Endpoint, std::map<Digest, std::shared_ptr<const std::string>>> objects;
    std::map<std::string, registry::Descriptor> tags;
    std::vector<registry::Descriptor> untagged;
    std::vector<registry::LeftOut> left_out;
    std::map<Digest, std::string> made;
    std::optional<std::map<Digest, std::vector<registry::Descriptor>>> referrers;
    std::size_t page_size = SIZE_MAX;

    std::map<Digest, Misbehaviour> misbehaviour;
    bool offsets_refused = false;
    std::optional<Errc> failure;
    std::optional<Errc> further_pages;
    bool missing_tags_denied = false;
    bool stalled = false;
    std::size_t waiting = 0;

    std::size_t lists = 0;
    std::size_t resolves = 0;
    std::size_t referrer_lists = 0;
    std::size_t finds = 0;
    std::size_t fetches_past_copies = 0;
    std::map<Digest, std::vector<std::uint64_t>> fetches;
  };

  template <class Predicate>
  void wait_until(const std::stop_token& stop, Predicate&& is_released);
  void answer_or_not(const Digest* digest, const std::stop_token& stop);

  // Constant after construction.
  std::string name_;
  // Set before other threads use the source.
  bool keeps_diffs_ = false;
  // Guarded by the lock it lives in.
  Guarded<State> state_;
  std::condition_variable_any changed_;
};

}  // namespace digestfs::test
