// SPDX-License-Identifier: Apache-2.0
#include <thread>

#include "registry/host/client.h"
#include "tests/registry/source_conformance.h"
#include "tests/support/fake_registry.h"

namespace digestfs::registry {
namespace {

/// The HTTP client, and a registry on loopback that pages its tags.
class ClientFixture final : public SourceFixture {
 public:
  std::shared_ptr<Source> make(const test::ObjectSet& set) override {
    fake_.add(set);
    constexpr std::size_t kPage = 100;
    fake_.set_page_size(kPage);
    return std::make_unique<Client>(Reference::parse(fake_.source()),
                                    ClientOptions{.user_agent = "digestfs/test"});
  }

  void stall() override { fake_.on("/", {.stall = true}); }

  void await_stalled() override {
    // Those that were given up stay stalled on the other side.
    ++stalled_;
    while (fake_.stalled() < stalled_) std::this_thread::yield();
  }

 private:
  std::size_t stalled_ = 0;
  test::FakeRegistry fake_;
};

std::unique_ptr<SourceFixture> make_client_fixture() { return std::make_unique<ClientFixture>(); }

INSTANTIATE_TEST_SUITE_P(Client, SourceConformance, testing::Values(&make_client_fixture));
INSTANTIATE_TEST_SUITE_P(Client, StallingSourceConformance, testing::Values(&make_client_fixture));

}  // namespace
}  // namespace digestfs::registry
