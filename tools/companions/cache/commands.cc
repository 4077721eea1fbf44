// SPDX-License-Identifier: Apache-2.0
#include "tools/companions/cache/commands.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <ostream>
#include <stop_token>
#include <system_error>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"
#include "cache/hash_file.h"
#include "tools/companions/cache/cached_object.h"
#include "tools/companions/cache/known_facts.h"
#include "tools/companions/common/json_text.h"
#include "tools/companions/common/table.h"
#include "tools/companions/common/words.h"
#include "tools/exit_code.h"

namespace digestfs::companions {
namespace {

using Json = nlohmann::ordered_json;
using std::chrono::nanoseconds;
using std::chrono::seconds;

const std::vector<std::string>& all_areas() {
  static const std::vector<std::string> areas = {"blobs", "diffs", "partial", "quarantine"};
  return areas;
}

nanoseconds now() {
  return std::chrono::duration_cast<nanoseconds>(
      std::chrono::system_clock::now().time_since_epoch());
}

/// Returns how long `object` was not used.
seconds age_of(const CachedObject& object) {
  return std::chrono::duration_cast<seconds>(now() - nanoseconds(object.used_ns));
}

Json object_json(const CachedObject& object) {
  Json json;
  json["digest"] = object.digest.str();
  json["area"] = object.area;
  json["size"] = object.bytes;
  json["used"] = object.used_ns / std::nano::den;
  return json;
}

void write_json(const CacheOutput& output, const Json& json) {
  output.out << json_text(json) << '\n';
}

Json document(const std::string& command) {
  Json json;
  json["schema"] = "digestfs-cache/1";
  json["command"] = command;
  json["objects"] = Json::array();
  return json;
}

std::uint64_t bytes_of(const std::vector<CachedObject>& objects) {
  std::uint64_t total = 0;
  for (const CachedObject& object : objects) total += object.bytes;
  return total;
}

std::string_view to_string(Removal removal) {
  switch (removal) {
    case Removal::removed:
      return "removed";
    case Removal::in_use:
      return "in use";
    case Removal::failed:
      return "cannot be removed";
    case Removal::unreadable:
      return "cannot be read";
  }
  return {};
}

/// Says what was done with an object, and why.
class Deeds {
 public:
  Deeds(const CacheOutput& output, const std::string& command, Effect effect)
      : output_(output), effect_(effect), json_(document(command)) {
    json_["dryRun"] = effect == Effect::dry_run;
  }

  void add(const CachedObject& object, Removal removal, const std::string& why) {
    const bool is_only_said = effect_ == Effect::dry_run && removal == Removal::removed;
    const std::string deed(is_only_said ? "would be removed" : to_string(removal));
    if (removal == Removal::removed) {
      ++count_;
      bytes_ += object.bytes;
    }
    if (output_.is_json) {
      Json json = object_json(object);
      json["outcome"] = deed;
      json["why"] = why;
      json_["objects"].push_back(std::move(json));
      return;
    }
    const Digests digests = output_.terminal.is_terminal ? Digests::brief : Digests::whole;
    output_.out << shown(str_cat(deed, ": ", digest_text(object.digest, digests), " in ",
                                 object.area, "/, ", size_text(object.bytes), ", ", why))
                << '\n';
  }

  void finish() {
    if (output_.is_json) {
      json_["count"] = count_;
      json_["bytes"] = bytes_;
      write_json(output_, json_);
    } else {
      output_.out << counted(count_, "object") << ", " << size_text(bytes_)
                  << (effect_ == Effect::dry_run ? " would be removed" : " removed") << '\n';
    }
  }

  [[nodiscard]] std::size_t count() const noexcept { return count_; }

 private:
  // Constant after construction.
  const CacheOutput& output_;
  Effect effect_;
  // Used by one thread.
  Json json_;
  std::size_t count_ = 0;
  std::uint64_t bytes_ = 0;
};

/// What was found out about the content of an object.
struct Finding {
  enum class Kind { good, damaged, unreadable } kind = Kind::good;
  std::string why = {};
};

Finding examine(const CachedObject& object, int file) {
  try {
    const auto hashed = cache::hash_whole_file(file, object.digest.algorithm(), {});
    if (hashed.digest == object.digest) return {};
    return {Finding::Kind::damaged, str_cat("it hashes to ", hashed.digest)};
  } catch (const std::system_error& error) {
    // The disk has lost a part of it, or something else is in the way.
    const auto kind =
        error.code() == std::errc::io_error ? Finding::Kind::damaged : Finding::Kind::unreadable;
    return {kind, str_cat("it cannot be read: ", error.code().message())};
  } catch (const Error& error) {
    return {Finding::Kind::unreadable, error.what()};
  }
}

/// Returns why the file of `object` cannot be opened, or nothing if it is gone.
std::optional<std::string> why_unopened(const cache::Directory& directory,
                                        const CachedObject& object) {
  const auto status = directory.status(object.path);
  if (!status || !S_ISREG(status->st_mode)) return std::nullopt;
  const auto why = directory.why_unreadable(object.path);
  return why ? str_cat("it cannot be opened: ", *why) : "it cannot be opened";
}

}  // namespace

Answer list_cache(const cache::Directory& directory, const CacheOutput& output, CacheOrder order) {
  std::vector<CachedObject> objects = objects_in(directory, all_areas());
  const KnownFacts facts(directory);
  std::ranges::reverse(objects);
  if (order == CacheOrder::size) {
    std::ranges::stable_sort(objects, std::ranges::greater(), &CachedObject::bytes);
  }
  if (output.is_json) {
    Json json = document("list");
    for (const CachedObject& object : objects) {
      Json line = object_json(object);
      const std::string what = facts.describe(object);
      line["what"] = what.empty() ? Json(nullptr) : Json(what);
      json["objects"].push_back(std::move(line));
    }
    json["count"] = objects.size();
    json["bytes"] = bytes_of(objects);
    write_json(output, json);
    return Answer::yes;
  }
  const bool is_brief = output.terminal.is_terminal;
  Table table(output.out, output.terminal,
              {{"USED", 2, 0}, {"SIZE", 0, 0}, {"IN", 3, 0}, {"DIGEST", 0, 0}, {"WHAT", 0, 0}});
  for (const CachedObject& object : objects) {
    table.add({age_text(age_of(object)), size_text(object.bytes), object.area,
               digest_text(object.digest, is_brief ? Digests::brief : Digests::whole),
               facts.describe(object)});
  }
  table.flush();
  output.out << counted(objects.size(), "object") << ", " << size_text(bytes_of(objects)) << '\n';
  return Answer::yes;
}

Answer verify_cache(const cache::Directory& directory, const CacheOutput& output, Effect effect,
                    Progress& progress) {
  const auto objects = objects_in(directory, {"blobs", "diffs", "quarantine"});
  const std::uint64_t total = bytes_of(objects);
  std::uint64_t done = 0;
  std::size_t number = 0;
  std::size_t good = 0;
  std::uint64_t good_bytes = 0;
  bool has_failed = false;
  Deeds deeds(output, "verify", effect);
  for (const CachedObject& object : objects) {
    progress.show(str_cat("object ", ++number, " of ", objects.size(), ", ", size_text(done),
                          " of ", size_text(total)));
    done += object.bytes;
    if (!object.digest.is_verifiable()) continue;
    const auto file = directory.open(object.path);
    Finding finding;
    if (file) {
      finding = examine(object, file->get());
    } else if (auto why = why_unopened(directory, object)) {
      finding = {Finding::Kind::unreadable, *std::move(why)};
    } else {
      continue;  // It was evicted meanwhile.
    }
    if (finding.kind == Finding::Kind::good) {
      ++good;
      good_bytes += object.bytes;
      continue;
    }
    Removal removal = Removal::unreadable;
    if (finding.kind == Finding::Kind::damaged) {
      removal = effect == Effect::dry_run ? Removal::removed
                                          : remove_damaged(directory, object, file->get());
    }
    has_failed = has_failed || removal != Removal::removed;
    progress.clear();
    deeds.add(object, removal, finding.why);
  }
  progress.clear();
  if (!output.is_json) {
    output.out << counted(good, "object") << ", " << size_text(good_bytes) << " verified\n";
  }
  deeds.finish();
  if (has_failed) return Answer::failed;
  return deeds.count() == 0 ? Answer::yes : Answer::no;
}

Answer prune_cache(const cache::Directory& directory, const CacheOutput& output,
                   const PruneLimits& limits, Effect effect) {
  const auto objects = objects_in(directory, {"blobs", "diffs", "partial"});
  std::uint64_t left = bytes_of(objects);
  for (const CachedObject& object : objects) left += object.beside;
  bool has_kept = false;
  Deeds deeds(output, "prune", effect);
  for (const CachedObject& object : objects) {
    const bool is_old = limits.older_than && age_of(object) > *limits.older_than;
    const bool is_too_much = limits.keep_size && left > *limits.keep_size;
    if (!is_old && !is_too_much) continue;
    const Removal removal =
        effect == Effect::dry_run ? Removal::removed : remove_unused(directory, object);
    if (removal == Removal::removed) left -= object.bytes + object.beside;
    has_kept = has_kept || removal != Removal::removed;
    deeds.add(object, removal, str_cat("used ", age_text(age_of(object))));
  }
  deeds.finish();
  return has_kept ? Answer::no : Answer::yes;
}

Answer find_in_cache(const cache::Directory& directory, const CacheOutput& output,
                     const Digest& digest) {
  for (const char* area : {"blobs", "diffs", "quarantine"}) {
    const std::string path = str_cat(area, "/", digest.algorithm(), "/", digest.encoded());
    const auto status = directory.status(path);
    if (!status || !S_ISREG(status->st_mode)) continue;
    const std::string whole = (directory.path() / path).native();
    if (output.is_json) {
      Json json;
      json["schema"] = "digestfs-cache/1";
      json["command"] = "path";
      json["digest"] = digest.str();
      json["area"] = area;
      json["path"] = whole;
      write_json(output, json);
    } else {
      output.out << whole << '\n';  // as it is: a script uses it
    }
    return Answer::yes;
  }
  return Answer::no;
}

std::chrono::seconds parse_duration(const std::string& text) {
  constexpr std::int64_t kMinute = 60;
  constexpr std::int64_t kHour = 60 * kMinute;
  constexpr std::int64_t kDay = 24 * kHour;
  std::int64_t unit = 0;
  switch (text.empty() ? '\0' : text.back()) {
    case 's':
      unit = 1;
      break;
    case 'm':
      unit = kMinute;
      break;
    case 'h':
      unit = kHour;
      break;
    case 'd':
      unit = kDay;
      break;
    case 'w':
      unit = 7 * kDay;
      break;
    default:
      break;
  }
  const auto count = text.empty()
                         ? std::nullopt
                         : parse_decimal(std::string_view(text).substr(0, text.size() - 1));
  constexpr std::uint64_t kMost = 1'000'000;
  if (unit == 0 || !count || *count > kMost) {
    throw tools::UsageError(str_cat("'", text, "' is no time; write 30d, 12h, 45m or 2w"));
  }
  return std::chrono::seconds(static_cast<std::int64_t>(*count) * unit);
}

}  // namespace digestfs::companions
