// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "cache/tags.h"
#include "tests/support/landing.h"
#include "tests/support/memory_source.h"
#include "tests/support/mounted.h"

namespace digestfs::cache {

using namespace std::chrono_literals;
using namespace std::string_literals;
using registry::Descriptor;
using registry::Endpoint;
using test::landed;
using test::MemorySource;

using Names = std::set<std::string>;

// Answers are asked for anew by every request that comes later, or never again.
constexpr Clock::duration kNotBelieved{};
constexpr Clock::duration kBelieved = 1h;

/// A mount's worth of what works on the tags of one repository.
struct TagsMount {
  TagsMount(const std::filesystem::path& cache, registry::Source& source,
            Clock::duration time_to_live, Network network = Network::allowed,
            std::size_t many_answers = Tags::kManyAnswers)
      : store(cache, {}),
        problems(source.name()),
        workers({2, 1, 1}),
        tags(store, source, workers, problems, network, time_to_live, many_answers) {}
  ~TagsMount() { workers.stop(); }
  TagsMount(const TagsMount&) = delete;
  TagsMount& operator=(const TagsMount&) = delete;

  TagList list() {
    const Patience patience = Patience::unlimited();
    return landed([&] { return tags.list(patience); });
  }
  std::optional<Tag> resolve(const std::string& name) {
    return resolve(name, Patience::unlimited());
  }
  std::optional<Tag> resolve(const std::string& name, const Patience& patience) {
    return landed([&] { return tags.resolve(name, patience); });
  }

  Store store;
  Problems problems;
  Workers workers;
  Tags tags;
};

class TagsTest : public testing::Test {
 protected:
  TagsTest() {
    one_ = source_.add_object(Endpoint::manifests, "one", "application/x-one");
    two_ = source_.add_object(Endpoint::manifests, "two", "application/x-two");
    for (const char* name : {"a", "b", "c", "d", "e"}) source_.tag(name, one_);
    source_.set_page_size(2);
  }

  [[nodiscard]] std::filesystem::path cache() const { return directory_.path() / "cache"; }

  const Names all_ = {"a", "b", "c", "d", "e"};
  test::TemporaryDirectory directory_;
  MemorySource source_;
  Descriptor one_{.digest = digest_of("one")};
  Descriptor two_{.digest = digest_of("two")};
};

}  // namespace digestfs::cache
