#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "neurojoule/core/spike_tensor.hpp"

namespace nj {

/// How an image becomes input frames without a camera.
enum class Encoder {
  direct,  ///< the same signed codes in every time step
  rate     ///< a spike with probability v / 255 in every time step, on its own
};

/// Codes of the pixel values v = 0..255, channel by channel.
///
/// direct: code = floor((v / 255 - mean) / deviation / scale + 1/2), each operation in double
/// precision, so a code of 1 stands for `scale` in the units of normalised colours. `mean` and
/// `deviation` are fractions of full brightness: one for all channels, or one for each.
/// rate: 1 where a uniform integer of 0..254, keyed by (seed, image index, step, pixel), is below
/// v; it stands for 1. `mean`, `deviation` and `scale` are not used.
struct ImageEncoding {
  Encoder encoder = Encoder::direct;
  std::uint32_t timesteps = 4;  ///< T, 1..1024
  std::vector<double> mean{0.0};
  std::vector<double> deviation{1.0};
  double scale = 0x1p-6;
  friend bool operator==(const ImageEncoding&, const ImageEncoding&) = default;
};

/// Turns images of one shape into frames; const members may be called from several threads.
class ImageEncoder {
 public:
  /// Throws: Error(config) with the key `dataset.encoding.` and `mean`, `std`, `scale` or
  /// `timesteps`: a number out of range, neither one nor `shape.channels` of them, or codes over 16
  /// bits.
  ImageEncoder(const ImageEncoding& encoding, const FeatureShape& shape);

  [[nodiscard]] std::int16_t least() const { return least_; }      ///< at most 0
  [[nodiscard]] std::int16_t largest() const { return largest_; }  ///< at least 1
  /// The code of a pixel value under direct encoding.
  [[nodiscard]] std::int16_t code(std::uint32_t channel, std::uint8_t value) const {
    return codes_[channel][value];
  }
  /// Frames `[T, C, H, W]` of the image `pixels`, `[C, H, W]` of the shape.
  [[nodiscard]] GradedTensor operator()(std::span<const std::uint8_t> pixels, std::uint64_t seed,
                                        std::uint64_t image_index) const;

 private:
  Encoder encoder_;
  std::uint32_t timesteps_;
  FeatureShape shape_;
  std::vector<std::array<std::int16_t, 256>> codes_;  ///< by channel; direct only
  std::int16_t least_ = 0;
  std::int16_t largest_ = 1;
};

}  // namespace nj
