// SPDX-License-Identifier: Apache-2.0
#include "tests/support/image_builder.h"

#include <cstdio>
#include <fstream>
#include <stdexcept>

#define ZLIB_CONST
#include <nlohmann/json.hpp>
#include <zlib.h>
#include <zstd.h>

#include "base/text.h"

namespace digestfs::test {
namespace {

using nlohmann::ordered_json;
using registry::Descriptor;
using registry::Endpoint;

constexpr std::size_t kBlock = 512;
constexpr const char* kOciIndex = "application/vnd.oci.image.index.v1+json";
constexpr const char* kOciManifest = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kOciConfig = "application/vnd.oci.image.config.v1+json";
constexpr const char* kOciLayer = "application/vnd.oci.image.layer.v1.tar";

void put(std::string& block, std::size_t at, std::string_view text) {
  block.replace(at, text.size(), text);
}

/// `value` as ustar writes a number into a field of `width` bytes: octal digits and a NUL.
std::string octal(std::uint64_t value, std::size_t width) {
  std::string digits(width - 1, '0');
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit, value >>= 3U) {
    *digit = static_cast<char>('0' + (value & 7U));
  }
  return digits + '\0';
}

std::string header(const TarEntry& entry) {
  if (entry.name.size() > 100 || entry.link.size() > 100) {
    throw std::invalid_argument("a ustar name is at most 100 bytes here");
  }
  std::string block(kBlock, '\0');
  put(block, 0, entry.name);
  put(block, 100, octal(entry.mode, 8));
  put(block, 108, octal(0, 8));
  put(block, 116, octal(0, 8));
  put(block, 124, octal(entry.content.size(), 12));
  put(block, 136, octal(0, 12));
  put(block, 148, "        ");  // the checksum counts as blanks in itself
  block[156] = entry.type;
  put(block, 157, entry.link);
  put(block, 257,
      std::string_view("ustar\0"
                       "00",
                       8));
  std::uint64_t sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  put(block, 148, octal(sum, 7));
  return block;
}

ordered_json to_json(const Descriptor& descriptor) {
  ordered_json json;
  json["mediaType"] = descriptor.media_type;
  json["digest"] = descriptor.digest.str();
  json["size"] = descriptor.size.value_or(0);
  if (descriptor.platform) {
    json["platform"] = {{"architecture", descriptor.platform->architecture},
                        {"os", descriptor.platform->os}};
  }
  if (!descriptor.annotations.empty()) json["annotations"] = descriptor.annotations;
  return json;
}

ordered_json to_json(const std::vector<Descriptor>& descriptors) {
  auto json = ordered_json::array();
  for (const Descriptor& descriptor : descriptors) json.push_back(to_json(descriptor));
  return json;
}

void write_file(const std::filesystem::path& path, const std::string& bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream out(path, std::ios::binary);
  out.exceptions(std::ios::failbit | std::ios::badbit);
  out << bytes;
  out.close();
}

}  // namespace

std::string tar(const std::vector<TarEntry>& entries) {
  std::string archive;
  for (const TarEntry& entry : entries) {
    archive += header(entry);
    archive += entry.content;
    archive.resize((archive.size() + kBlock - 1) / kBlock * kBlock, '\0');
  }
  return archive.append(2 * kBlock, '\0');
}

std::string gzip(std::string_view bytes) {
  z_stream stream{};
  if (::deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 16 + MAX_WBITS, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc();
  }
  std::string out(::deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<const Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = ::deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  if (result != Z_STREAM_END) throw std::runtime_error("zlib did not compress");
  return out;
}

std::string zstd(std::string_view bytes, int window_log, ContentSize content_size) {
  ZSTD_CCtx* const context = ::ZSTD_createCCtx();
  if (context == nullptr) throw std::bad_alloc();
  ::ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  ::ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
  ::ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, content_size == ContentSize::given);
  std::string out(::ZSTD_compressBound(bytes.size()), '\0');
  ZSTD_outBuffer output{out.data(), out.size(), 0};
  ZSTD_inBuffer input{bytes.data(), bytes.size(), 0};
  // In two steps, as a stream: a frame made at once is a single segment, which has no window.
  std::size_t left = ::ZSTD_compressStream2(context, &output, &input, ZSTD_e_continue);
  if (::ZSTD_isError(left) == 0) {
    left = ::ZSTD_compressStream2(context, &output, &input, ZSTD_e_end);
  }
  ::ZSTD_freeCCtx(context);
  if (left != 0) throw std::runtime_error("libzstd did not compress");
  out.resize(output.pos);
  return out;
}

std::string zstd_skippable(std::string_view payload, unsigned variant) {
  std::string frame = {static_cast<char>(0x50 + variant), 0x2a, 0x4d, 0x18};
  for (unsigned shift = 0; shift < 32; shift += 8) {
    frame += static_cast<char>((payload.size() >> shift) & 0xffU);
  }
  return frame.append(payload);
}

std::string noise(std::size_t count, std::uint64_t seed) {
  std::string bytes(count, '\0');
  std::uint64_t state = seed;
  for (char& byte : bytes) {
    // Knuth's linear congruential generator (MMIX); only the upper bits are any good.
    state = state * 6364136223846793005U + 1442695040888963407U;
    byte = static_cast<char>(state >> 56U);
  }
  return bytes;
}

Descriptor ObjectSet::add(Endpoint endpoint, std::string bytes, std::string_view media_type) {
  Descriptor descriptor{
      .digest = digest_of(bytes), .media_type = std::string(media_type), .size = bytes.size()};
  objects_.insert_or_assign(descriptor.digest,
                            Object{endpoint, std::move(bytes), descriptor.media_type});
  return descriptor;
}

void ObjectSet::tag(const std::string& name, const Descriptor& descriptor) {
  tags_.insert_or_assign(name, descriptor);
}

void ObjectSet::put_into(MemorySource& source) const {
  for (const auto& [digest, object] : objects_) {
    source.add_object(object.endpoint, object.bytes, object.media_type);
  }
  for (const auto& [name, descriptor] : tags_) source.tag(name, descriptor);
}

std::map<std::string, std::string> ObjectSet::layout_files() const {
  std::map<std::string, std::string> files;
  for (const auto& [digest, object] : objects_) {
    files[str_cat("blobs/", digest.algorithm(), "/", digest.encoded())] = object.bytes;
  }
  std::vector<Descriptor> named;
  for (const auto& [name, descriptor] : tags_) {
    named.push_back(descriptor);
    named.back().annotations["org.opencontainers.image.ref.name"] = name;
  }
  files["index.json"] = index_json(named);
  files["oci-layout"] = R"({"imageLayoutVersion":"1.0.0"})";
  return files;
}

void ObjectSet::write_layout(const std::filesystem::path& directory) const {
  std::filesystem::create_directories(directory / "blobs/sha256");
  for (const auto& [path, text] : layout_files()) write_file(directory / path, text);
}

Layer plain_layer(const std::vector<TarEntry>& entries) {
  std::string archive = tar(entries);
  return {archive, archive, kOciLayer};
}

Layer gzip_layer(const std::vector<TarEntry>& entries) {
  std::string archive = tar(entries);
  return {gzip(archive), archive, str_cat(kOciLayer, "+gzip")};
}

Layer zstd_layer(const std::vector<TarEntry>& entries) {
  std::string archive = tar(entries);
  return {zstd(archive), archive, str_cat(kOciLayer, "+zstd")};
}

Image add_image(ObjectSet& set, const std::vector<Layer>& layers, const std::string& architecture) {
  std::vector<Descriptor> blobs;
  std::vector<Digest> diff_ids;
  for (const Layer& layer : layers) {
    blobs.push_back(set.add(Endpoint::blobs, layer.blob, layer.media_type));
    diff_ids.push_back(digest_of(layer.diff));
  }
  const auto config = set.add(Endpoint::blobs, config_json(diff_ids, architecture), kOciConfig);
  auto manifest = set.add(Endpoint::manifests, manifest_json(config, blobs), kOciManifest);
  registry::Platform& platform = manifest.platform.emplace();
  platform.os = "linux";
  platform.architecture = architecture;
  return {manifest, config, blobs, diff_ids};
}

Descriptor add_index(ObjectSet& set, const std::vector<Image>& images) {
  std::vector<Descriptor> manifests;
  for (const Image& image : images) manifests.push_back(image.manifest);
  return set.add(Endpoint::manifests, index_json(manifests), kOciIndex);
}

std::string manifest_json(const Descriptor& config, const std::vector<Descriptor>& layers) {
  ordered_json json;
  json["schemaVersion"] = 2;
  json["mediaType"] = kOciManifest;
  json["config"] = to_json(config);
  json["layers"] = to_json(layers);
  return json.dump();
}

std::string index_json(const std::vector<Descriptor>& manifests) {
  ordered_json json;
  json["schemaVersion"] = 2;
  json["mediaType"] = kOciIndex;
  json["manifests"] = to_json(manifests);
  return json.dump();
}

std::string config_json(const std::vector<Digest>& diff_ids, const std::string& architecture) {
  ordered_json json;
  json["architecture"] = architecture;
  json["os"] = "linux";
  json["rootfs"]["type"] = "layers";
  json["rootfs"]["diff_ids"] = ordered_json::array();
  json["history"] = ordered_json::array();
  for (const Digest& diff_id : diff_ids) {
    json["rootfs"]["diff_ids"].push_back(diff_id.str());
    json["history"].push_back({{"created_by", "made by hand"}});
  }
  return json.dump();
}

}  // namespace digestfs::test
