#include "hdf5_heap.hpp"

#include <bit>
#include <cstring>
#include <fstream>
#include <map>
#include <vector>

#include "hdf5_handle.hpp"

namespace nj {
namespace {

static_assert(std::endian::native == std::endian::little, "HDF5 metadata are little-endian");

constexpr std::size_t reference_bytes = 16;  ///< length (4), address (8), index (4)
constexpr std::size_t header_bytes = 16;     ///< of a collection, and of an object in it

template <class T>
T number_at(const std::vector<char>& bytes, std::size_t at) {
  T value{};
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return value;
}

/// The global heap collections of a file, read as they are asked for.
class GlobalHeap {
 public:
  GlobalHeap(const std::filesystem::path& file, std::uint64_t base)
      : stream_(file, std::ios::binary), base_(base) {
    std::error_code code;
    const std::uint64_t size = std::filesystem::file_size(file, code);
    size_ = code || size < base ? 0 : size - base;
    left_ = size_;
  }

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
  std::uint64_t size_ = 0;
  std::uint64_t left_ = 0;
  std::map<std::uint64_t, Collection> collections_;
};

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
  const haddr_t offset = H5Dget_offset(dataset);
  if (offset == HADDR_UNDEF) return "its texts are not stored in one piece";
  GlobalHeap heap(file, base);
  const std::vector<char> references = elements > H5Dget_storage_size(dataset) / reference_bytes
                                           ? std::vector<char>{}
                                           : heap.bytes(offset - base, elements * reference_bytes);
  if (references.empty()) return "is truncated";
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
