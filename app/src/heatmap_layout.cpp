#include "heatmap_layout.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "neurojoule/hardware/joined_numbers.hpp"

#include "heatmap_arrow.hpp"

namespace nj {
namespace {

constexpr double core_gap = 3;
constexpr double tile_border = 5;
constexpr double panel_border = 14;
constexpr double panel_head = 24;  ///< with the name of a chip
constexpr Spacing between_routers;
constexpr Spacing between_chips{2 * between_routers.link, 2 * between_routers.bar};

/// Cores side by side in the tile that has the most.
std::uint32_t cores_across(const Chip& chip) {
  std::vector<std::uint32_t> cores(chip.topology().tiles());
  for (const Core& core : chip.cores()) ++cores[core.tile];
  const std::uint32_t most = cores.empty() ? 1 : *std::max_element(cores.begin(), cores.end());
  std::uint32_t across = 1;
  while (across * across < most) ++across;
  return across;
}

Figure moved(Figure figure, double right, double down) {
  for (Box& box : figure) box = box.moved(right, down);
  return figure;
}

Label moved(const Label& label, double right, double down) {
  return {label.x + right, label.y + down, label.anchor, label.text};
}

NetworkPlan plan_with_axes(const NetworkShape& shape, Size tile) {
  NetworkPlan plan = plan_of(shape, tile);
  const auto* grid = std::get_if<GridShape>(&shape);
  return grid != nullptr ? with_axes(std::move(plan), *grid) : plan;
}

/// Each chip is a panel, in the place that the network between chips has for its tile.
void place_chips(HeatmapLayout& layout, const MultiChipSpec& chips, Size tile) {
  const NetworkPlan inner = plan_with_axes(chips.chip.shape, tile);
  const NetworkPlan outer =
      plan_of(chips.between.shape,
              {inner.size.width + 2 * panel_border, inner.size.height + panel_head + panel_border},
              between_chips);
  const JoinedNumbers number{static_cast<std::uint32_t>(tile_count(chips.between.shape)),
                             static_cast<std::uint32_t>(tile_count(chips.chip.shape)),
                             static_cast<std::uint32_t>(inner.routers.size())};
  const std::size_t others = outer.routers.size() - number.chips;
  layout.routers.resize(std::size_t{number.chips} * number.routers + others);
  layout.outside.resize(layout.routers.size());
  for (std::uint32_t c = 0; c < outer.routers.size(); ++c) {
    const std::uint32_t end = number.between(c, chips.gateway);
    layout.outside[end] = outer.routers[c];
    if (c >= number.chips) {
      layout.routers[end] = outer.routers[c];
      continue;
    }
    const Box& panel = layout.panels.emplace_back(outer.routers[c].front());
    const double x = panel.x + panel_border;
    const double y = panel.y + panel_head;
    for (std::uint32_t r = 0; r < number.routers; ++r) {
      layout.routers[number.of(c, r)] = moved(inner.routers[r], x, y);
    }
    for (const Label& label : inner.labels) {
      layout.labels.push_back(moved(label, x, y));
    }
  }
  layout.size = outer.size;
  layout.opens_rings = inner.opens_rings;
  layout.opens_rings_between = outer.opens_rings;
}

}  // namespace

Box HeatmapLayout::core(std::uint32_t tile, std::uint32_t place) const {
  const Box& box = routers[tile].front();
  const std::uint32_t row = place / across;
  const std::uint32_t column = place % across;
  return {box.x + tile_border + column * (core_side + core_gap),
          box.y + tile_border + row * (core_side + core_gap), core_side, core_side};
}

std::string HeatmapLayout::arrow(const Link& link) const {
  if (link.direction == Direction::between_chips) {
    return arrow_outline(outside[link.from], outside[link.to], between_chips.link,
                         link.closes && opens_rings_between);
  }
  return arrow_outline(routers[link.from], routers[link.to], between_routers.link,
                       link.closes && opens_rings);
}

HeatmapLayout heatmap_layout(const Chip& chip, double left, double top) {
  HeatmapLayout layout;
  layout.across = cores_across(chip);
  const double side = layout.across * (core_side + core_gap) - core_gap + 2 * tile_border;
  const Size tile{side, side};
  if (const auto* network = std::get_if<NetworkSpec>(&chip.spec().topology.network)) {
    NetworkPlan plan = plan_with_axes(network->shape, tile);
    layout.is_grid = std::holds_alternative<GridShape>(network->shape);
    layout.size = plan.size;
    layout.routers = std::move(plan.routers);
    layout.labels = std::move(plan.labels);
    layout.opens_rings = plan.opens_rings;
  } else {
    place_chips(layout, std::get<MultiChipSpec>(chip.spec().topology.network), tile);
  }
  for (Figure& figure : layout.routers) figure = moved(std::move(figure), left, top);
  for (Figure& figure : layout.outside) figure = moved(std::move(figure), left, top);
  for (Box& panel : layout.panels) panel = panel.moved(left, top);
  for (Label& label : layout.labels) label = moved(label, left, top);
  return layout;
}

}  // namespace nj
