#pragma once

#include <cstdint>
#include <span>

#include "neurojoule/core/feature_shape.hpp"
#include "neurojoule/datasets/idx.hpp"

namespace nj {

/// The grey image of `[C, H, W]` pixels: one channel as it is; of red, green and blue the luminance
///   Y = floor((77 R + 150 G + 29 B + 128) / 256),
/// whose weights sum up to 256, so that grey stays what it is.
/// Throws: Error(shape) for other numbers of channels.
/// Source: ITU-R BT.601, Y = 0.299 R + 0.587 G + 0.114 B; weights rounded to 1/256.
Image grey_image(std::span<const std::uint8_t> pixels, const FeatureShape& shape);

/// The image at `width` x `height` pixels, neither below its own; bilinear, in integers.
///
/// The centre of column X of W lies at column ((2 X + 1) w - W) / 2W of the w columns of the image,
/// kept within 0 .. w - 1: a whole column i and a rest r in 1/2W. Rows likewise, with a rest s in
/// 1/2H. With a = 2W - r, r, b = 2H - s and s as weights of the four pixels around,
///   value = floor((b (a p[j][i] + r p[j][i+1]) + s (a p[j+1][i] + r p[j+1][i+1]) + 2WH) / 4WH).
/// Throws: Error(shape) for an image that is larger than that, or empty.
Image enlarged(const Image& image, std::uint32_t width, std::uint32_t height);

}  // namespace nj
