// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/guarded.h"
#include "registry/repositories.h"
#include "tests/support/memory_source.h"

namespace digestfs::test {

/// A place of many repositories in memory that misbehaves when told to and counts what it is asked.
/// Safe for concurrent use.
class MemoryRepositories final : public registry::Repositories {
 public:
  explicit MemoryRepositories(std::string name = "memory:") : name_(std::move(name)) {}

  // What there is.

  /// The repository `name`, which is made when it is first asked for here.
  MemorySource& at(const std::string& name);
  void remove(const std::string& name);
  /// The view of everything. Without this call there is none.
  MemorySource& make_everything();
  /// Leaves `name` out of the list.
  void hide(const std::string& name);
  /// Keeps no list at all.
  void keep_no_list();
  /// How many names a page holds; all of them unless told.
  void set_page_size(std::size_t names);
  /// Adds a name to the list as it is, whether or not there is such a repository.
  void list_also(const std::string& name);
  /// Links the last page to the first.
  void list_in_a_circle();

  // What goes wrong, until `behave`.

  void fail_lists(Errc code);
  /// Fails to open `name`.
  void fail_open(const std::string& name, Errc code);
  /// Does not answer the opening of `name` until `release`, or until the call is stopped.
  void stall_open(const std::string& name);
  void release();
  void behave();

  // What it was asked. Calls that failed count too.

  [[nodiscard]] std::size_t lists() const;
  [[nodiscard]] std::size_t opens() const;
  [[nodiscard]] std::size_t opens(const std::string& name) const;

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] registry::RepositoryPage list(const std::optional<std::string>& page,
                                              const Request& request) override;
  [[nodiscard]] std::shared_ptr<registry::Source> open(const std::string& name,
                                                       const Request& request) override;
  [[nodiscard]] std::shared_ptr<registry::Source> everything() override;

 private:
  struct State {
    std::map<std::string, std::shared_ptr<MemorySource>> repositories;
    std::shared_ptr<MemorySource> everything;
    std::set<std::string> hidden;
    std::set<std::string> listed_also;
    bool has_list = true;
    bool is_circle = false;
    std::size_t page_size = SIZE_MAX;

    std::optional<Errc> list_failure;
    std::map<std::string, Errc> open_failures;
    std::set<std::string> stalled;

    std::size_t lists = 0;
    std::map<std::string, std::size_t> opens;
  };

  // Constant after construction.
  std::string name_;
  // Guarded by the lock it lives in.
  Guarded<State> state_;
  std::condition_variable_any changed_;
};

}  // namespace digestfs::test
