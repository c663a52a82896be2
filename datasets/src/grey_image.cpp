#include "neurojoule/datasets/grey_image.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "neurojoule/core/error.hpp"

namespace nj {
namespace {

/// Two neighbouring pixels of a line of the image, and the weight of the second in 1/2n.
struct Blend {
  std::size_t first = 0;
  std::size_t second = 0;
  std::uint64_t rest = 0;
};

/// Where the `n` pixels of an enlarged line lie among the `m` of the image.
std::vector<Blend> blends(std::int64_t m, std::int64_t n) {
  std::vector<Blend> line;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t at = std::clamp<std::int64_t>((2 * i + 1) * m - n, 0, 2 * n * (m - 1));
    const auto first = static_cast<std::size_t>(at / (2 * n));
    const std::size_t last = static_cast<std::size_t>(m) - 1;
    line.push_back({first, std::min(first + 1, last), static_cast<std::uint64_t>(at % (2 * n))});
  }
  return line;
}

}  // namespace

Image grey_image(std::span<const std::uint8_t> pixels, const FeatureShape& shape) {
  Image grey{shape.height, shape.width, {}};
  if (shape.channels == 1) {
    grey.pixels.assign(pixels.begin(), pixels.end());
    return grey;
  }
  if (shape.channels != 3) {
    throw Error(ErrorKind::shape,
                fmt::format("the camera sees images of 1 or 3 channels, got {}", to_string(shape)),
                {.key = "dataset.camera"});
  }
  const std::size_t plane = shape.positions();
  grey.pixels.reserve(plane);
  for (std::size_t i = 0; i < plane; ++i) {
    const std::uint32_t sum =
        77U * pixels[i] + 150U * pixels[plane + i] + 29U * pixels[2 * plane + i] + 128U;
    grey.pixels.push_back(static_cast<std::uint8_t>(sum >> 8));
  }
  return grey;
}

Image enlarged(const Image& image, std::uint32_t width, std::uint32_t height) {
  if (image.width == 0 || image.height == 0 || image.width > width || image.height > height) {
    throw Error(ErrorKind::shape,
                fmt::format("an image of {} x {} cannot be enlarged to {} x {} pixels", image.width,
                            image.height, width, height),
                {.key = "dataset.camera.image_width"});
  }
  const std::vector<Blend> columns = blends(image.width, width);
  const std::vector<Blend> rows = blends(image.height, height);
  const std::uint64_t two_w = std::uint64_t{2} * width;
  const std::uint64_t two_h = std::uint64_t{2} * height;
  Image large{height, width, {}};
  large.pixels.reserve(std::size_t{height} * width);
  for (const Blend& y : rows) {
    const auto row = [&](std::size_t at) {
      return std::span(image.pixels).subspan(at * image.width, image.width);
    };
    const auto above = row(y.first);
    const auto below = row(y.second);
    for (const Blend& x : columns) {
      const std::uint64_t top = (two_w - x.rest) * above[x.first] + x.rest * above[x.second];
      const std::uint64_t bottom = (two_w - x.rest) * below[x.first] + x.rest * below[x.second];
      const std::uint64_t sum = (two_h - y.rest) * top + y.rest * bottom;
      large.pixels.push_back(static_cast<std::uint8_t>((sum + two_w * height) / (two_w * two_h)));
    }
  }
  return large;
}

}  // namespace nj
