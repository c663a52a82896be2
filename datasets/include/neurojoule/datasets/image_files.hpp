#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "neurojoule/core/feature_shape.hpp"
#include "neurojoule/core/hdf5_file.hpp"

namespace nj {

/// Images of one shape with a label each.
struct LabelledImages {
  FeatureShape shape;                 ///< of one image
  std::vector<std::uint8_t> pixels;   ///< `[count, C, H, W]`
  std::vector<std::uint16_t> labels;  ///< `[count]`

  [[nodiscard]] std::uint64_t count() const { return labels.size(); }
  /// Image `index` (which must be below `count()`), `[C, H, W]`.
  [[nodiscard]] std::span<const std::uint8_t> image(std::uint64_t index) const {
    return std::span(pixels).subspan(index * shape.neurons(), shape.neurons());
  }
};

/// The most bytes of pixels that are held at a time.
inline constexpr std::uint64_t max_image_bytes = std::uint64_t{1} << 30;

/// Grey images, `[1, H, W]`, of a pair of IDX files. Throws: as `read_idx_images`; Error(format)
/// when there are not as many labels as images.
LabelledImages read_idx_pair(const std::filesystem::path& images,
                             const std::filesystem::path& labels);

/// Images `[3, 32, 32]` of CIFAR-10's binary version, file after file: records of a label 0..9 and
/// 3072 pixels, red, green and blue planes in rows from top to bottom.
/// Throws: Error(io) when unreadable; Error(format) with the byte offset for a part of a record, an
/// empty file or a label over 9; Error(capacity) above `max_image_bytes`.
/// Source: Krizhevsky, "Learning multiple layers of features from tiny images", 2009, web page.
LabelledImages read_cifar10(std::span<const std::filesystem::path> files);

/// What the samples of an HDF5 file are.
enum class StoredSamples {
  images,  ///< `images`, uint8 `[N, C, H, W]`
  frames   ///< `frames`, uint8 `[N, T, C, H, W]`, as `export_frames` writes them
};

/// An HDF5 file of `images` or `frames`, and `labels`, integers `[N]` of 0..65535, of frames
/// 0..255.
class ImageHdf5 {
 public:
  /// Throws: Error(io) or Error(format) with the dataset as key for what is no such file;
  /// Error(capacity) for a sample of over 2^16 steps, channels, rows or columns, or of more than
  /// `max_image_bytes`.
  explicit ImageHdf5(const std::filesystem::path& file,
                     StoredSamples samples = StoredSamples::images);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint32_t timesteps() const { return timesteps_; }  ///< 1 for images
  /// Of one sample; the steps of frames follow each other as channels, `[T C, H, W]`.
  [[nodiscard]] const FeatureShape& shape() const { return shape_; }
  /// Samples [first, first + count), which must exist. Throws: Error(capacity) when they are more
  /// than `max_image_bytes`; Error(format) at a label out of range.
  [[nodiscard]] LabelledImages read(std::uint64_t first, std::uint64_t count) const;

 private:
  std::filesystem::path file_;
  std::string key_;  ///< `images` or `frames`
  Hdf5Reader reader_;
  std::uint64_t count_ = 0;
  std::uint32_t timesteps_ = 1;
  FeatureShape shape_;
};

}  // namespace nj
