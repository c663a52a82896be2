#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <neurojoule/core/atomic_file.hpp>
#include <neurojoule/core/hdf5_file.hpp>

namespace nj::testing {

/// An IDX header of unsigned bytes with the given sizes.
inline std::string idx_header(const std::vector<std::uint32_t>& sizes) {
  std::string bytes = {0, 0, 8, static_cast<char>(sizes.size())};
  for (const std::uint32_t size : sizes) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>((size >> shift) & 0xFF);
  }
  return bytes;
}

/// Grey value of the made-up image `index` at (x, y): a bright rectangle that differs by image.
inline std::uint8_t made_up_pixel(std::uint32_t index, std::uint32_t x, std::uint32_t y) {
  const bool inside = x >= 5 + index % 7 && x < 20 && y >= 8 && y < 15 + index % 11;
  return inside ? static_cast<std::uint8_t>(100 + (x * 37 + y * 11 + index) % 150) : 0;
}

/// Writes a test split of `count` made-up 28 x 28 images with labels 0, 1, 2, ... modulo 10.
inline void write_made_up_split(const std::filesystem::path& folder, std::uint32_t count) {
  std::string images = idx_header({count, 28, 28});
  std::string labels = idx_header({count});
  for (std::uint32_t i = 0; i < count; ++i) {
    labels += static_cast<char>(i % 10);
    for (std::uint32_t y = 0; y < 28; ++y) {
      for (std::uint32_t x = 0; x < 28; ++x) images += static_cast<char>(made_up_pixel(i, x, y));
    }
  }
  write_file_atomically(folder / "t10k-images-idx3-ubyte", images);
  write_file_atomically(folder / "t10k-labels-idx1-ubyte", labels);
}

/// A record of CIFAR-10's binary version: a label, and pixels (index * 31 + place * 7) % 256.
inline std::string cifar_record(std::uint8_t label, std::uint32_t index) {
  std::string record(1, static_cast<char>(label));
  for (std::uint32_t place = 0; place < 3072; ++place) {
    record += static_cast<char>((index * 31 + place * 7) % 256);
  }
  return record;
}

/// Writes an HDF5 file of images and labels.
inline void write_image_hdf5(const std::filesystem::path& file,
                             const std::vector<std::uint8_t>& pixels,
                             const std::vector<std::uint64_t>& shape,
                             const std::vector<std::int64_t>& labels) {
  Hdf5Writer writer(file);
  writer.write<std::uint8_t>("images", pixels, shape);
  writer.write<std::int64_t>("labels", labels, {labels.size()});
  writer.commit();
}

}  // namespace nj::testing
