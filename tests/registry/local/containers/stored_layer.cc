// SPDX-License-Identifier: Apache-2.0
#include "tests/registry/local/containers/stored_layer.h"

#include <fcntl.h>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/crc64.h"
#include "base/file.h"
#include "tests/support/image_builder.h"

namespace digestfs::test {
namespace {

using nlohmann::json;

std::string bytes_line(const std::string& bytes) {
  return json{{"type", 2}, {"payload", encode_base64(bytes)}}.dump() + "\n";
}

std::string file_line(const StoredFile& file) {
  Crc64 crc;
  crc.update(as_bytes(file.content));
  std::string sum;
  for (int shift = 56; shift >= 0; shift -= 8) {
    sum += static_cast<char>((crc.value() >> static_cast<unsigned>(shift)) & 0xffU);
  }
  json line{{"type", 1}, {"size", file.content.size()}, {"payload", encode_base64(sum)}};
  line["name_raw"] = encode_base64(file.name);
  return line.dump() + "\n";
}

}  // namespace

void write_file_at(const std::filesystem::path& path, std::string_view text) {
  std::filesystem::create_directories(path.parent_path());
  const UniqueFd file = open_file(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  write_all(file.get(), as_bytes(text));
}

StoredLayer store_files(const std::vector<StoredFile>& files) {
  std::vector<TarEntry> entries;
  for (const StoredFile& file : files) entries.push_back({file.name, file.content});
  StoredLayer layer;
  layer.tar = tar(entries);
  std::size_t at = 0;
  for (const StoredFile& file : files) {
    layer.tar_split += bytes_line(layer.tar.substr(at, 512));
    layer.tar_split += file_line(file);
    at += 512 + file.content.size();
    const std::size_t padding = (512 - file.content.size() % 512) % 512;
    layer.tar_split += bytes_line(layer.tar.substr(at, padding));
    at += padding;
  }
  layer.tar_split += bytes_line(layer.tar.substr(at));
  return layer;
}

}  // namespace digestfs::test
