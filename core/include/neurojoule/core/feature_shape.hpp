#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace nj {

/// Shape of one time step of a layer's output: a feature map, or tokens laid out as H x W.
///
/// Neurons are addressed channels-last: `address = (y * width + x) * channels + c`, so the channels
/// of one position are neighbours and one spike's weight row is contiguous.
struct FeatureShape {
  std::uint32_t channels = 0;
  std::uint32_t height = 1;
  std::uint32_t width = 1;

  [[nodiscard]] constexpr std::uint64_t positions() const { return std::uint64_t{height} * width; }
  [[nodiscard]] constexpr std::uint64_t neurons() const { return positions() * channels; }
  [[nodiscard]] constexpr std::uint64_t address(std::uint32_t c, std::uint32_t y,
                                                std::uint32_t x) const {
    return (std::uint64_t{y} * width + x) * channels + c;
  }
  friend constexpr auto operator<=>(const FeatureShape&, const FeatureShape&) = default;
};

/// Renders as `[C, H, W]`.
std::string to_string(const FeatureShape& shape);

}  // namespace nj
