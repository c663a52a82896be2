#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "neurojoule/hardware/chip.hpp"

#include "heatmap_plan.hpp"

namespace nj {

inline constexpr double core_side = 18;

/// Where everything of a chip is in its picture, in pixels from the picture's upper left corner.
struct HeatmapLayout {
  Size size;                    ///< without the room to the left and above
  std::vector<Figure> routers;  ///< by router of the topology
  std::vector<Label> labels;
  std::vector<Box> panels;  ///< by chip where there are several
  /// By router: what the links between chips end at; empty where it has none.
  std::vector<Figure> outside;
  bool is_grid = false;      ///< one mesh or torus
  std::uint32_t across = 1;  ///< cores side by side in a tile
  bool opens_rings = false;  ///< of a chip: as in NetworkPlan
  bool opens_rings_between = false;

  /// Whether the tile has the links of its chip to others.
  [[nodiscard]] bool is_gateway(std::uint32_t tile) const {
    return !outside.empty() && !outside[tile].empty();
  }
  /// The square of core number `place` of a tile.
  [[nodiscard]] Box core(std::uint32_t tile, std::uint32_t place) const;
  /// The outline of a link's arrow, as the `d` of a path.
  [[nodiscard]] std::string arrow(const Link& link) const;
};

/// With so much room to the left and above. Requires a chip with cores.
HeatmapLayout heatmap_layout(const Chip& chip, double left, double top);

}  // namespace nj
