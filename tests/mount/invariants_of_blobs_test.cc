// SPDX-License-Identifier: Apache-2.0
// Reference 11.4: blobs that are cut, late or other than promised, and what becomes of the cache.
#include <atomic>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/text.h"
#include "tests/mount/invariants.h"

namespace digestfs {
namespace {

using Make = std::function<Response(const World&)>;
using namespace std::chrono_literals;

Inflict once(const Make& bad) {
  return [bad](World& world) { world.blob_answer(bad(world), 1); };
}

Inflict always(const Make& bad) {
  return [bad](World& world) { world.blob_answer(bad(world)); };
}

/// As `once`. The blob is not to be called a wrong one for it.
Inflict interrupted(const Make& bad) {
  return [bad](World& world) {
    world.blob_answer(bad(world), 1);
    world.outcome.check = [&world] {
      const std::string problems = test::slurp(world.mountpoint / ".digestfs/problems.jsonl");
      EXPECT_EQ(problems.find("mismatch"), std::string::npos) << problems;
    };
  };
}

/// As `always`. What came is no interruption.
Inflict wrong(const Make& bad) {
  return [bad](World& world) {
    world.blob_answer(bad(world));
    world.outcome.problem = "digest-mismatch";
  };
}

/// The first answer is cut, and who goes on there is answered so.
Inflict resumed(const Make& answer) {
  return [answer](World& world) { world.resumed_answer(answer(world)); };
}

Inflict limited(const std::string& after) {
  return [after](World& world) {
    world.blob_answer({.status = 429, .fields = {{"Retry-After", after}}}, 1);
  };
}

Response range(const World& world, std::uint64_t from, std::uint64_t to, std::uint64_t total) {
  return {.status = 206,
          .fields = {{"Content-Range", str_cat("bytes ", from, "-", to, "/", total)}},
          .body = world.victim().substr(from)};
}

std::string flipped(const World& world) {
  std::string bytes = world.victim();
  bytes[1000] = static_cast<char>(bytes[1000] ^ 1);
  return bytes;
}

/// All of it comes, in a chunk that is not said to be the last.
void cut_at_the_end(World& world) {
  world.answer(world.victim_path(), [&world](const Received& request) -> std::optional<Response> {
    const std::size_t size = world.victim().size();
    if (request.field("Range") == str_cat("bytes=", size, "-")) {
      return Response{.status = 416, .fields = {{"Content-Range", str_cat("bytes */", size)}}};
    }
    if (request.method == "HEAD") return std::nullopt;
    std::ostringstream chunk;
    chunk << std::hex << size << "\r\n" << world.victim() << "\r\n";
    return Response{.fields = {{"Transfer-Encoding", "chunked"}},
                    .body = std::move(chunk).str(),
                    .unframed = true};
  });
}

std::vector<Fault> cut_faults() {
  return {
      {"B1_reset", 0, interrupted([](const World& world) {
         return Response{.body = world.victim(), .cut = 100'000, .reset = true};
       })},
      {"B1_closed", 0, interrupted([](const World& world) {
         return Response{.body = world.victim(), .cut = 100'000};
       })},
      {"B1_closed_without_a_length", 0, interrupted([](const World& world) {
         return Response{.body = world.victim(), .unframed = true, .cut = 100'000};
       })},
      {"B2_all_of_it", 0,
       resumed([](const World& world) { return Response{.body = world.victim()}; })},
      {"B2_from_byte_0", 0, resumed([](const World& world) {
         return range(world, 0, world.victim().size() - 1, world.victim().size());
       })},
      {"B2_wrong_total", 0, resumed([](const World& world) {
         return range(world, 100'000, world.victim().size() - 1, world.victim().size() + 7);
       })},
      {"B2_no_range", 0, resumed([](const World& world) {
         return Response{.status = 206, .body = world.victim().substr(100'000)};
       })},
      {"B2_416", 0, resumed([](const World&) { return Response{.status = 416}; })},
      {"B2_416_at_the_end", 0, cut_at_the_end},
      {"B2_other_bytes", 0, resumed([](const World& world) {
         Response other = range(world, 100'000, world.victim().size() - 1, world.victim().size());
         other.body.assign(other.body.size(), 'x');
         return other;
       })},
  };
}

std::vector<Fault> wrong_faults() {
  return {
      {"B3_one_byte_flipped", EIO,
       wrong([](const World& world) { return Response{.body = flipped(world)}; })},
      {"B3_one_byte_flipped_once", 0,
       once([](const World& world) { return Response{.body = flipped(world)}; })},
      {"B3_other_content", EIO, wrong([](const World& world) {
         return Response{.body = std::string(world.victim().size(), 'x')};
       })},
      {"B3_one_byte_more", EIO,
       wrong([](const World& world) { return Response{.body = world.victim() + "x"}; })},
      {"B3_one_byte_more_without_a_length", EIO, wrong([](const World& world) {
         return Response{.body = world.victim() + "x", .unframed = true};
       })},
      {"B3_nothing", EIO, wrong([](const World&) { return Response{}; })},
      {"B4_called_gzip", 0, always([](const World& world) {
         return Response{.fields = {{"Content-Encoding", "gzip"}}, .body = world.victim()};
       })},
      {"B4_gzip_once_more", 0, always([](const World& world) {
         return Response{.fields = {{"Content-Encoding", "gzip"}},
                         .body = test::gzip(world.victim())};
       })},
  };
}

/// Four bytes a second, for as long as somebody asks for more.
void drip(World& world) {
  world.answer(world.victim_path(), [&world](const Received& request) -> std::optional<Response> {
    if (request.method == "HEAD") return std::nullopt;
    const std::string asked = request.field("Range");
    const std::size_t from = asked.empty() ? 0 : std::stoul(asked.substr(asked.find('=') + 1));
    const std::size_t size = world.victim().size();
    Response response{
        .body = world.victim().substr(from, 10), .length = size - from, .pause = 250ms};
    if (from > 0) {
      response.status = 206;
      response.fields = {{"Content-Range", str_cat("bytes ", from, "-", size - 1, "/", size)}};
    }
    return response;
  });
}

std::vector<Fault> late_faults() {
  return {
      {"B5_503_twice", 0, [](World& world) { world.blob_answer({.status = 503}, 2); }},
      {"B5_503_for_ever", ETIMEDOUT, [](World& world) { world.blob_answer({.status = 503}); }},
      {"B6_for_two_seconds", 0, limited("2")},
      {"B6_until_a_date_that_is_past", 0, limited("Wed, 21 Oct 2015 07:28:00 GMT")},
      {"B6_for_a_negative_time", 0, limited("-1")},
      {"B6_for_no_time_at_all", 0, limited("abc")},
      {"B6_for_six_hours", EAGAIN,
       [](World& world) {
         limited("21600")(world);
         world.outcome.closes_gate = true;
       }},
      {"B7_silence", ETIMEDOUT, always([](const World&) { return Response{.stall = true}; })},
      {"B7_silence_after_the_head", ETIMEDOUT, always([](const World& world) {
         return Response{.body = world.victim(), .stall_after = 0};
       })},
      {"B7_silence_in_mid_body", 0, once([](const World& world) {
         return Response{.body = world.victim(), .stall_after = 100'000};
       })},
      {"B7_four_bytes_a_second", ETIMEDOUT, drip},
      {"B7_slow_but_alive", 0,
       always([](const World& world) { return Response{.body = world.victim(), .pause = 400ms}; })},
  };
}

/// Sixteen threads read the victim two hundred times, none of which may cost a second download.
void read_by_many(World& world) {
  world.registry.forget_requests();
  {
    std::vector<std::jthread> readers;
    for (int i = 0; i < 16; ++i) {
      readers.emplace_back([&world] {
        for (int j = 0; j < 13; ++j) {
          const auto seen =
              test::look(world.mountpoint, test::Reading::Of::content, "blobs/" + world.digest(0));
          EXPECT_EQ(seen.error, 0);
          EXPECT_TRUE(seen.seen == world.victim());
        }
      });
    }
  }
  EXPECT_EQ(world.registry.count("GET", world.registry.path(world.victim_path())), 1U);
}

/// What is in the cache already is to be read, after `change` of its file.
Inflict damaged(const std::function<void(const std::filesystem::path&)>& change) {
  return [change](World& world) {
    const auto file =
        world.cache / "blobs/sha256" / std::string(world.image.layers[2].digest.encoded());
    test::await_file(file);
    std::filesystem::permissions(file, std::filesystem::perms::owner_write,
                                 std::filesystem::perm_options::add);
    change(file);
    world.outcome.readings = {test::content("blobs/" + world.digest(2), world.bytes(2))};
    world.outcome.problem = "cache-damaged";
  };
}

void share_the_cache(World& world) {
  world.registry.forget_requests();
  {
    const test::Mounted second(
        DIGESTFS_BINARY, world.registry.source(),
        {"--authfile", world.directory.path() / "auth.json", "--cache-dir", world.cache});
    test::expect(second.path(), test::content("blobs/" + world.digest(0), world.victim()));
  }
  world.outcome.check = [&world] {
    EXPECT_EQ(world.registry.count("GET", world.registry.path(world.victim_path())), 1U);
  };
}

std::vector<Fault> cache_faults() {
  return {
      {"B8_many_readers", 0, read_by_many},
      {"B10_cached_file_is_altered", 0, damaged([](const std::filesystem::path& path) {
         std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
         file.seekp(5000);
         file << "altered";
       })},
      {"B10_cached_file_is_cut_short", 0, damaged([](const std::filesystem::path& path) {
         std::filesystem::resize_file(path, 5000);
       })},
      {"B10_two_mounts_share_the_cache", 0, share_the_cache},
  };
}

INSTANTIATE_TEST_SUITE_P(Cut, InvariantsTest, testing::ValuesIn(cut_faults()), name_of);
INSTANTIATE_TEST_SUITE_P(Wrong, InvariantsTest, testing::ValuesIn(wrong_faults()), name_of);
INSTANTIATE_TEST_SUITE_P(Late, InvariantsTest, testing::ValuesIn(late_faults()), name_of);
INSTANTIATE_TEST_SUITE_P(Cache, InvariantsTest, testing::ValuesIn(cache_faults()), name_of);

}  // namespace
}  // namespace digestfs
