// SPDX-License-Identifier: Apache-2.0
#include "cache/tag_note.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "cache/disk/lock.h"
#include "cache/disk/notes.h"
#include "registry/image/json.h"
#include "registry/image/reference.h"

namespace digestfs::cache {
namespace {

using nlohmann::json;
using registry::Descriptor;

// What is remembered of that many tags is some forty thousand of them.
constexpr std::size_t kMaxDigests = std::size_t{8} << 20U;
// As many names as the top level of `digests` may have, and no more tags than a list may have.
constexpr std::size_t kMaxListed = 2'100'000;
constexpr std::size_t kMaxLine = 4096;

std::string note_path(const std::string& source, std::string_view suffix) {
  return str_cat("tags/", digest_of(source).encoded(), suffix);
}

/// The time noted under `key`; 0 where there is none that makes sense.
std::int64_t time_member(const json& object, std::string_view key) {
  const auto count = registry::number_member(object, key);
  return count && *count <= INT64_MAX ? static_cast<std::int64_t>(*count) : 0;
}

bool flag_member(const json& object, std::string_view key) {
  const json* const value = registry::member(object, key);
  return value != nullptr && value->is_boolean() && value->get<bool>();
}

/// Splits a file into lines without keeping it.
class LineReader {
 public:
  explicit LineReader(int fd) : fd_(fd) {}

  /// Returns the next line; nothing at the end, and where a line is not ended or too long.
  std::optional<std::string_view> next() {
    for (;;) {
      const auto end = text_.find('\n', at_);
      if (end != std::string::npos) {
        const std::string_view line = std::string_view(text_).substr(at_, end - at_);
        at_ = end + 1;
        return line;
      }
      text_.erase(0, std::exchange(at_, 0));
      if (text_.size() > kMaxLine) return std::nullopt;
      std::array<std::byte, 65536> chunk;
      const std::size_t got = read_at(fd_, chunk, offset_);
      if (got == 0) return std::nullopt;
      offset_ += got;
      text_.append(as_text(std::span(chunk).first(got)));
    }
  }

 private:
  int fd_;
  std::uint64_t offset_ = 0;
  std::string text_;
  std::size_t at_ = 0;
};

std::optional<json> parse(std::string_view text, const std::string& source) try {
  json document = registry::parse_json(text, registry::NameCase::matters);
  if (registry::text_member(document, "source") != source) return std::nullopt;
  return document;
} catch (const Error& error) {
  DIGESTFS_LOG(info, "a note about tags is of no use source=", source, " cause=", error.what());
  return std::nullopt;
}

std::optional<RememberedList> read_list_note(const Store& store, const std::string& source) try {
  const auto file = store.directory().open(note_path(source, ".list"));
  if (!file) return std::nullopt;
  LineReader lines(file->get());
  const auto first = lines.next();
  const auto header = first ? parse(*first, source) : std::nullopt;
  if (!header) return std::nullopt;
  std::set<std::string> names;
  std::size_t count = 0;
  while (const auto line = lines.next()) {
    if (++count > kMaxListed) break;
    // Written in order, so the place is known.
    if (registry::is_tag(*line)) names.emplace_hint(names.end(), *line);
  }
  return RememberedList{std::make_shared<const std::set<std::string>>(std::move(names)),
                        flag_member(*header, "complete"), flag_member(*header, "cut"),
                        time_member(*header, "listed")};
} catch (const std::system_error& error) {
  DIGESTFS_LOG(info, "a list of tags is of no use source=", source, " cause=", error.what());
  return std::nullopt;
}

void write_list_note(const Store& store, const std::string& source, const RememberedList& list) {
  Draft draft(store.directory(), note_path(source, ".list"));
  nlohmann::ordered_json header;
  header["source"] = source;
  header["complete"] = list.complete;
  header["cut"] = list.is_cut;
  header["listed"] = list.listed_ns;
  std::string text =
      header.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  constexpr std::size_t kTagChunk = std::size_t{256} << 10U;
  for (const std::string& name : *list.names) {
    text += name;
    text += '\n';
    if (text.size() < kTagChunk) continue;
    draft.write(text);
    text.clear();
  }
  draft.write(text);
  draft.publish();
}

std::map<std::string, RememberedTag> read_digests(const Store& store, const std::string& source) {
  std::map<std::string, RememberedTag> tags;
  const auto text = read_note(store.directory(), note_path(source, ".json"), kMaxDigests);
  const auto document = text ? parse(*text, source) : std::nullopt;
  if (!document) return tags;
  const json* const digests = registry::member(*document, "digests");
  if (digests == nullptr || !digests->is_object()) return tags;
  for (const auto& [name, value] : digests->items()) {
    const auto digest = Digest::parse(registry::text_member(value, "digest"));
    if (!registry::is_tag(name) || !digest) continue;
    RememberedTag tag;
    tag.descriptor =
        Descriptor{.digest = *digest, .media_type = registry::text_member(value, "mediaType")};
    const auto size = registry::number_member(value, "size");
    // No file has more bytes.
    if (size && *size <= INT64_MAX) tag.descriptor->size = size;
    tag.asked_ns = time_member(value, "asked");
    tags.emplace(name, std::move(tag));
  }
  return tags;
}

void write_digests(const Store& store, const std::string& source,
                   const std::map<std::string, RememberedTag>& tags) {
  std::vector<std::pair<const std::string*, const RememberedTag*>> newest;
  for (const auto& [name, tag] : tags) {
    if (tag.descriptor) newest.emplace_back(&name, &tag);
  }
  std::ranges::stable_sort(
      newest, [](const auto& a, const auto& b) { return a.second->asked_ns > b.second->asked_ns; });
  json document;
  document["source"] = source;
  json digests = json::object();
  std::size_t bytes = source.size();
  for (const auto& [name, tag] : newest) {
    // Whatever is written can be read again: the oldest are forgotten.
    constexpr std::size_t kFrame = 200;
    constexpr std::size_t kEscaped = 6;
    const Descriptor& descriptor = *tag->descriptor;
    bytes += kFrame + name->size() + descriptor.digest.str().size() +
             kEscaped * descriptor.media_type.size();
    if (bytes > kMaxDigests / 2) break;
    auto& entry = digests[*name];
    entry["digest"] = descriptor.digest.str();
    entry["mediaType"] = descriptor.media_type;
    if (descriptor.size) entry["size"] = *descriptor.size;
    entry["asked"] = tag->asked_ns;
  }
  document["digests"] = std::move(digests);
  write_note(store.directory(), note_path(source, ".json"),
             document.dump(1, ' ', false, json::error_handler_t::replace));
}

/// A list that came to its end is worth more than one that was cut, and that more than a first
/// page; of two of the same worth the later counts.
bool is_better(const RememberedList& list, const RememberedList& other) {
  const auto worth = [](const RememberedList& of) {
    if (!of.complete) return 0;
    return of.is_cut ? 1 : 2;
  };
  return std::pair(worth(list), list.listed_ns) > std::pair(worth(other), other.listed_ns);
}

/// Holds off other mounts of the repository while it lives, or gives up soon: one that stands still
/// is not waited for, and what is lost then is a note.
class NoteLock {
 public:
  NoteLock(const Directory& directory, const std::string& path) {
    constexpr int kTries = 20;
    constexpr std::chrono::milliseconds kPause{10};
    for (int i = 0; i < kTries; ++i) {
      file_ = directory.make(path);
      if (lock_named(directory, path, file_.get()) != Locked::no) return;
      std::this_thread::sleep_for(kPause);
    }
  }

 private:
  UniqueFd file_;
};

}  // namespace

RememberedTags read_tags(const Store& store, const std::string& source) {
  return {read_list_note(store, source), read_digests(store, source)};
}

void write_tags(const Store& store, const std::string& source, RememberedTags ours) {
  const NoteLock lock(store.directory(), note_path(source, ".lock"));
  RememberedTags theirs = read_tags(store, source);
  if (ours.list && (!theirs.list || is_better(*ours.list, *theirs.list))) {
    write_list_note(store, source, *ours.list);
  }
  for (auto& [name, tag] : theirs.tags) {
    const auto at = ours.tags.find(name);
    if (at == ours.tags.end()) {
      ours.tags.emplace(name, std::move(tag));
    } else if (tag.asked_ns > at->second.asked_ns) {
      at->second = std::move(tag);
    }
  }
  write_digests(store, source, ours.tags);
}

}  // namespace digestfs::cache
