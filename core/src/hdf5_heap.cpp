#include "hdf5_heap.hpp"

#include <bit>
#include <cstring>
#include <fstream>
#include <map>
#include <vector>

#include <zlib.h>

#include "hdf5_handle.hpp"

namespace nj {
namespace {

static_assert(std::endian::native == std::endian::little, "HDF5 metadata are little-endian");

constexpr std::size_t reference_bytes = 16;  ///< length (4), address (8), index (4)
constexpr std::uint64_t max_chunk_bytes = std::uint64_t{1} << 24;
constexpr std::uint64_t max_references_bytes = std::uint64_t{1} << 26;
constexpr std::size_t header_bytes = 16;  ///< of a collection, and of an object in it

template <class T>
T number_at(const std::vector<char>& bytes, std::size_t at) {
  T value{};
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return value;
}

/// Bytes of a file from `base` on; 0 where there is none.
std::uint64_t size_behind(const std::filesystem::path& file, std::uint64_t base) {
  std::error_code code;
  const std::uint64_t size = std::filesystem::file_size(file, code);
  return code || size < base ? 0 : size - base;
}

/// The global heap collections of a file, read as they are asked for.
class GlobalHeap {
 public:
  GlobalHeap(const std::filesystem::path& file, std::uint64_t base)
      : stream_(file, std::ios::binary), base_(base), size_(size_behind(file, base)) {}

  /// `count` bytes at an address; empty when they are not in the file.
  [[nodiscard]] std::vector<char> bytes(std::uint64_t address, std::uint64_t count) {
    if (count > size_ || address > size_ - count) return {};
    std::vector<char> result(count);
    stream_.clear();
    stream_.seekg(static_cast<std::streamoff>(base_ + address));
    stream_.read(result.data(), static_cast<std::streamsize>(count));
    return stream_ ? result : std::vector<char>{};
  }

  /// The length of an object; nullopt when there is none.
  [[nodiscard]] std::optional<std::uint64_t> length(std::uint64_t address, std::uint32_t index) {
    auto [entry, is_new] = collections_.try_emplace(address);
    if (is_new) entry->second = read_collection(address);
    const auto found = entry->second.find(index);
    if (found == entry->second.end()) return std::nullopt;
    return found->second;
  }

 private:
  using Collection = std::map<std::uint32_t, std::uint64_t>;  ///< length by index

  /// Empty unless the whole collection is sound. Collections do not overlap, so all of them
  /// together are no longer than the file.
  Collection read_collection(std::uint64_t address) {
    const std::vector<char> header = bytes(address, header_bytes);
    if (header.empty() || std::memcmp(header.data(), "GCOL\1", 5) != 0) return {};
    const auto size = number_at<std::uint64_t>(header, 8);
    if (size < header_bytes || size > left_) return {};
    left_ -= size;
    const std::vector<char> content = bytes(address, size);
    Collection objects;
    for (std::size_t at = header_bytes; content.size() >= at + header_bytes;) {
      const auto index = number_at<std::uint16_t>(content, at);
      const auto length = number_at<std::uint64_t>(content, at + 8);
      if (index == 0) return objects;  // the free space ends a collection
      const std::uint64_t room = content.size() - at - header_bytes;
      if (length > room || (length + 7) / 8 * 8 > room) return {};
      if (!objects.emplace(index, length).second) return {};
      at += header_bytes + (length + 7) / 8 * 8;
    }
    return objects;
  }

  std::ifstream stream_;
  std::uint64_t base_;
  std::uint64_t size_;
  std::uint64_t left_ = size_;
  std::map<std::uint64_t, Collection> collections_;
};

/// The references of a dataset in one piece; empty when they are not in the file.
std::vector<char> references_in_one_piece(GlobalHeap& heap, hid_t dataset, std::uint64_t base,
                                          std::uint64_t elements) {
  if (elements > H5Dget_storage_size(dataset) / reference_bytes) return {};
  return heap.bytes(H5Dget_offset(dataset) - base, elements * reference_bytes);
}

/// One chunk of references, unpacked; empty when it cannot be.
std::vector<char> references_of_chunk(hid_t dataset, const std::vector<hsize_t>& offset,
                                      bool deflated, std::uint64_t bytes) {
  hsize_t stored_bytes = 0;
  if (H5Dget_chunk_storage_size(dataset, offset.data(), &stored_bytes) < 0) return {};
  if (stored_bytes > 2 * bytes + header_bytes) return {};
  std::vector<char> stored(stored_bytes);
  std::uint32_t skipped_filters = 0;
  if (H5Dread_chunk(dataset, H5P_DEFAULT, offset.data(), &skipped_filters, stored.data()) < 0) {
    return {};
  }
  if (!deflated || skipped_filters != 0)
    return stored.size() == bytes ? stored : std::vector<char>{};
  std::vector<char> result(bytes);
  uLongf size = result.size();
  const int status = uncompress(reinterpret_cast<Bytef*>(result.data()), &size,
                                reinterpret_cast<const Bytef*>(stored.data()), stored.size());
  return status == Z_OK && size == bytes ? result : std::vector<char>{};
}

/// The references of all chunks that are stored, chunk by chunk; empty when one is damaged or
/// packed by anything but deflate.
std::vector<char> references_in_chunks(hid_t dataset, hid_t properties) {
  const int filters = H5Pget_nfilters(properties);
  unsigned flags = 0;
  std::size_t values = 0;
  if (filters > 1 || (filters == 1 && H5Pget_filter2(properties, 0, &flags, &values, nullptr, 0,
                                                     nullptr, nullptr) != H5Z_FILTER_DEFLATE)) {
    return {};
  }
  const Hdf5Handle space(H5Dget_space(dataset), H5Sclose);
  const int rank = H5Sget_simple_extent_ndims(space.id());
  if (rank < 1) return {};
  std::vector<hsize_t> sizes(static_cast<std::size_t>(rank));
  std::vector<hsize_t> chunk(sizes.size());
  H5Sget_simple_extent_dims(space.id(), sizes.data(), nullptr);
  if (H5Pget_chunk(properties, rank, chunk.data()) != rank) return {};
  std::uint64_t bytes = reference_bytes;
  for (const hsize_t extent : chunk) {
    if (extent == 0 || bytes > max_chunk_bytes / extent) return {};
    bytes *= extent;
  }
  std::vector<char> all;
  for (std::vector<hsize_t> offset(sizes.size(), 0);;) {
    const std::vector<char> part = references_of_chunk(dataset, offset, filters == 1, bytes);
    if (part.empty() || all.size() > max_references_bytes) return {};
    all.insert(all.end(), part.begin(), part.end());
    std::size_t dimension = sizes.size();
    while (dimension > 0) {
      --dimension;
      offset[dimension] += chunk[dimension];
      if (offset[dimension] < sizes[dimension]) break;
      offset[dimension] = 0;
      if (dimension == 0) return all;
    }
  }
}

}  // namespace

std::optional<std::string> damaged_texts(const std::filesystem::path& file, hid_t file_id,
                                         hid_t dataset, std::uint64_t elements) {
  const Hdf5Handle properties(H5Fget_create_plist(file_id), H5Pclose);
  hsize_t base = 0;
  std::size_t address_bytes = 0;
  std::size_t size_bytes = 0;
  if (H5Pget_userblock(properties.id(), &base) < 0 ||
      H5Pget_sizes(properties.id(), &address_bytes, &size_bytes) < 0) {
    return "cannot be read";
  }
  if (address_bytes != 8 || size_bytes != 8) return "its file does not have 64-bit addresses";
  const Hdf5Handle type(H5Dget_type(dataset), H5Tclose);
  const Hdf5Handle character(H5Tget_super(type.id()), H5Tclose);
  if (H5Tget_size(character.id()) != 1) return "its texts are not made of bytes";
  GlobalHeap heap(file, base);
  const Hdf5Handle layout(H5Dget_create_plist(dataset), H5Pclose);
  std::vector<char> references;
  if (H5Pget_layout(layout.id()) == H5D_CHUNKED) {
    references = references_in_chunks(dataset, layout.id());
  } else if (H5Dget_offset(dataset) != HADDR_UNDEF) {
    references = references_in_one_piece(heap, dataset, base, elements);
  }
  if (references.empty()) {
    return "its texts are truncated, damaged, or stored in a way that is not read";
  }
  for (std::size_t at = 0; at < references.size(); at += reference_bytes) {
    const auto length = number_at<std::uint32_t>(references, at);
    const auto address = number_at<std::uint64_t>(references, at + 4);
    const auto index = number_at<std::uint32_t>(references, at + 12);
    if (address == 0 && length == 0) continue;  // an empty text
    if (heap.length(address, index) != length) return "refers to a text that is not in the file";
  }
  return std::nullopt;
}

}  // namespace nj
