// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/mount/world.h"
#include "tests/support/mounted.h"

// What holds whatever a registry does (reference 11): I1 the cache has only files that hash to
// their names, I2 no secret is where it should not be, I3 what is healthy can be read, I4 nobody
// waits for longer than the deadlines say. A table of faults is a file invariants_of_*_test.cc, a
// row is a case of the reference, and each is inflicted on a real mount.

namespace digestfs {

using test::World;
using Received = World::Received;
using Response = World::Response;
using Inflict = std::function<void(World&)>;

struct Fault {
  std::string name;  ///< begins with the id of its case
  /// The errno that reading the victim ends with; 0 where its bytes are to be right. Of no account
  /// where `inflict` says in the world's `outcome` what is read.
  int expected;
  Inflict inflict;
  std::vector<std::string> options = {};  ///< of the mount
  World::Transport transport = World::Transport::plain;
};

void PrintTo(const Fault& fault, std::ostream* out);

[[nodiscard]] inline std::string name_of(const testing::TestParamInfo<Fault>& fault) {
  return fault.param.name;
}

/// Has one test, `Hold`, for all tables.
class InvariantsTest : public testing::TestWithParam<Fault> {
 protected:
  InvariantsTest();

  [[nodiscard]] test::Reading blob(std::size_t layer) const {
    return test::content("blobs/" + world.digest(layer), world.bytes(layer));
  }
  void expect(const test::Reading& reading) const { test::expect(mounted.path(), reading); }
  void expect_outcome();
  void expect_health() const;
  void expect_problem() const;
  void expect_secrets_where_they_belong() const;

  World world;
  test::Mounted mounted;
};

}  // namespace digestfs
