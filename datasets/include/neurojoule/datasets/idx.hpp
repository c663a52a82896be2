#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace nj {

/// A grey image, rows from top to bottom, `[height, width]`.
struct Image {
  std::uint32_t height = 0;
  std::uint32_t width = 0;
  std::vector<std::uint8_t> pixels;
};

/// A stack of equally sized grey images, `[count, height, width]`.
struct IdxImages {
  std::uint64_t count = 0;
  std::uint32_t height = 0;
  std::uint32_t width = 0;
  std::vector<std::uint8_t> pixels;
};

/// The most bytes that an IDX file may hold after decompression.
inline constexpr std::uint64_t max_idx_bytes = std::uint64_t{1} << 30;

/// Reads an IDX file of unsigned bytes with three dimensions, plain or gzip-compressed.
///
/// The header is checked against the bytes that follow before memory is taken; decompression stops
/// at one byte more than the header announces.
/// Throws: Error(io) when unreadable; Error(format) with the byte offset (in the decompressed data)
/// for a wrong magic number, a truncated file, trailing bytes or broken compression;
/// Error(capacity) above `max_idx_bytes`.
/// Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits", file formats.
IdxImages read_idx_images(const std::filesystem::path& file);

/// Reads an IDX file of unsigned bytes with one dimension. Throws: as `read_idx_images`.
std::vector<std::uint8_t> read_idx_labels(const std::filesystem::path& file);

}  // namespace nj
