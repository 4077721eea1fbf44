// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <gtest/gtest.h>

#include "registry/source.h"
#include "tests/support/image_builder.h"

// What registry/source.h promises, as tests that every source passes. To add a source, write a
// `SourceFixture` for it and, in its own file:
//
//   INSTANTIATE_TEST_SUITE_P(Client, SourceConformance, testing::Values(&make_client_fixture));

namespace digestfs::registry {

/// Makes a source that shows what it is given.
class SourceFixture {
 public:
  SourceFixture() = default;
  SourceFixture(const SourceFixture&) = delete;
  SourceFixture& operator=(const SourceFixture&) = delete;
  virtual ~SourceFixture() = default;

  /// A source with these objects and tags. Called once; the source lives no longer than the
  /// fixture.
  virtual std::shared_ptr<Source> make(const test::ObjectSet& set) = 0;

  /// False for a source that has no tags: the tests of tags pass it over.
  [[nodiscard]] virtual bool has_tags() const { return true; }

  /// From now on no call is answered.
  virtual void stall() {}
  /// Waits until one more call does not get its answer. Only after `stall`.
  virtual void await_stalled() {}
};

using MakeSourceFixture = std::unique_ptr<SourceFixture> (*)();

class SourceConformance : public testing::TestWithParam<MakeSourceFixture> {
 protected:
  std::unique_ptr<SourceFixture> fixture_ = GetParam()();
};

/// For sources that can be made to wait.
class StallingSourceConformance : public SourceConformance {};

}  // namespace digestfs::registry
