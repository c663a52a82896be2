#include "heatmap_plan.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

namespace nj {
namespace {

NetworkPlan plan_of(const GridShape& grid, Size tile, const Spacing& spacing) {
  const double edge = grid.wraps ? spacing.link : 0;
  const Size pitch{tile.width + spacing.link, tile.height + spacing.link};
  NetworkPlan plan;
  for (std::uint32_t x = 0; x < grid.width; ++x) {
    for (std::uint32_t y = 0; y < grid.height; ++y) {
      plan.routers.push_back(
          {{edge + x * pitch.width, edge + y * pitch.height, tile.width, tile.height}});
    }
  }
  plan.size = {2 * edge + grid.width * pitch.width - spacing.link,
               2 * edge + grid.height * pitch.height - spacing.link};
  plan.opens_rings = grid.wraps;
  return plan;
}

/// Cells of a grid that a ring passes one after the other: to and fro through all columns but the
/// first, and back through that.
struct RingCells {
  std::uint32_t columns = 0;
  std::uint32_t rows = 2;  ///< even
  std::uint32_t last = 0;  ///< columns that the last two rows fill

  explicit RingCells(std::uint32_t routers) {
    // Up to 24 routers go there and back in two rows. The rows of more are no more than the
    // columns, so that there are cells left for the last two.
    constexpr std::uint32_t few = 24;
    const std::uint32_t pairs = (routers + 1) / 2;
    if (routers > few) rows = 2 * static_cast<std::uint32_t>(std::sqrt(2.0 * pairs) / 2);
    columns = (2 * pairs + rows - 1) / rows;
    last = pairs - (rows / 2 - 1) * columns;
  }

  /// Column and row of each cell, in the order of the ring.
  [[nodiscard]] std::vector<std::array<std::uint32_t, 2>> order() const {
    std::vector<std::array<std::uint32_t, 2>> cells{{0, 0}};
    for (std::uint32_t row = 0; row < rows; ++row) {
      const std::uint32_t end = row + 2 < rows ? columns : last;
      for (std::uint32_t i = 1; i < end; ++i) {
        cells.push_back({row % 2 == 0 ? i : end - i, row});
      }
    }
    for (std::uint32_t row = rows; row-- > 1;) cells.push_back({0, row});
    return cells;
  }
};

NetworkPlan plan_of(const RingShape& ring, Size tile, const Spacing& spacing) {
  const RingCells cells(ring.routers);
  const Size pitch{tile.width + spacing.link, tile.height + spacing.link};
  const auto order = cells.order();
  // Two rows of which the lower one has a router less: it is in the middle.
  const bool shifts = cells.rows == 2 && ring.routers % 2 == 1;
  NetworkPlan plan;
  for (std::uint32_t i = 0; i < ring.routers; ++i) {
    const auto [column, row] = order[i];
    const double shift = shifts && row == 1 ? pitch.width / 2 : 0;
    plan.routers.push_back(
        {{column * pitch.width - shift, row * pitch.height, tile.width, tile.height}});
  }
  plan.size = extent(plan.routers);
  return plan;
}

/// How a router of a tree and the equal blocks of its children fill a block. Either the children
/// are in a row below a bar; or in several, each with its bar, and a trunk to their left joins the
/// bars; or they are a column beside a trunk.
struct TreeBlock {
  Size child;
  std::uint32_t children = 0;
  double gap = 0;
  Spacing spacing;
  std::uint32_t across = 0;

  /// Children in a row.
  TreeBlock(Size of_child, std::uint32_t count, double between, const Spacing& lengths)
      : child(of_child), children(count), gap(between), spacing(lengths), across(count) {}

  [[nodiscard]] std::uint32_t rows() const { return (children + across - 1) / across; }
  [[nodiscard]] bool is_column() const { return rows() > 1 && across == 1; }
  /// Room for the trunk. Bars are nearer to the children than it is, so that links end at bars.
  [[nodiscard]] double left() const {
    if (rows() == 1) return 0;
    return spacing.bar + spacing.link + (is_column() ? 0 : 4);
  }
  [[nodiscard]] double above() const { return is_column() ? 0 : spacing.bar + spacing.link; }
  /// Likewise a bar is nearer to its row than to the one above.
  [[nodiscard]] double row_gap() const { return is_column() ? gap : spacing.link + 4; }
  [[nodiscard]] double row_height() const { return above() + child.height + row_gap(); }
  [[nodiscard]] Size size() const {
    return {left() + across * (child.width + gap) - gap, rows() * row_height() - row_gap()};
  }
  [[nodiscard]] double longest() const { return std::max(size().width, size().height); }
  [[nodiscard]] Box place(std::uint32_t i) const {
    const std::uint32_t row = i / across;
    const std::uint32_t column = i % across;
    return {left() + column * (child.width + gap), row * row_height() + above(), child.width,
            child.height};
  }
  /// The router.
  [[nodiscard]] Figure figure() const {
    if (is_column()) return {{0, 0, spacing.bar, size().height}};
    Figure bars;
    for (std::uint32_t row = 0; row < rows(); ++row) {
      const std::uint32_t filled = std::min(across, children - row * across);
      bars.push_back(
          {0, row * row_height(), left() + filled * (child.width + gap) - gap, spacing.bar});
    }
    if (rows() > 1) bars.push_back({0, 0, spacing.bar, bars.back().bottom()});
    return bars;
  }
};

/// The block with a row if that is not wide, else the one nearest to a square.
TreeBlock best_block(const TreeBlock& row) {
  constexpr double wide = 1200;
  TreeBlock best = row;
  if (row.size().width <= wide) return best;
  for (std::uint32_t rows = 2; rows <= row.children; ++rows) {
    TreeBlock block = row;
    block.across = (row.children + rows - 1) / rows;
    if (block.longest() < best.longest()) best = block;
  }
  return best;
}

NetworkPlan plan_of_tree(std::uint32_t arity, std::size_t levels, Size tile,
                         const Spacing& spacing) {
  constexpr double leaf_gap = 12;
  std::vector<TreeBlock> blocks;  // from the leaves upwards
  Size size = tile;
  for (std::size_t level = 0; level < levels; ++level) {
    const double gap = leaf_gap + 6.0 * static_cast<double>(level);
    blocks.push_back(best_block({size, arity, gap, spacing}));
    size = blocks.back().size();
  }
  // From the root downwards: the corners of the blocks of a level. Routers of lower levels have
  // lower numbers.
  std::vector<std::vector<Figure>> figures(levels + 1);
  std::vector<Box> corners{{0, 0, size.width, size.height}};
  for (std::size_t level = levels; level-- > 0;) {
    const TreeBlock& block = blocks[level];
    std::vector<Box> below;
    for (const Box& corner : corners) {
      Figure figure = block.figure();
      for (Box& bar : figure) bar = bar.moved(corner.x, corner.y);
      figures[level + 1].push_back(std::move(figure));
      for (std::uint32_t i = 0; i < arity; ++i) {
        below.push_back(block.place(i).moved(corner.x, corner.y));
      }
    }
    corners = std::move(below);
  }
  for (const Box& leaf : corners) figures[0].push_back({leaf});
  NetworkPlan plan;
  plan.size = size;
  for (const std::vector<Figure>& level : figures) {
    plan.routers.insert(plan.routers.end(), level.begin(), level.end());
  }
  return plan;
}

NetworkPlan plan_of(const TreeShape& tree, Size tile, const Spacing& spacing) {
  return plan_of_tree(tree.arity, tree.levels.size(), tile, spacing);
}

NetworkPlan plan_of(const CrossbarShape& crossbar, Size tile, const Spacing& spacing) {
  return plan_of_tree(crossbar.ports, 1, tile, spacing);
}

}  // namespace

std::string pixels(double coordinate) {
  return fmt::format("{}", std::round(coordinate * 100) / 100);
}

Size extent(const std::vector<Figure>& figures) {
  Size size;
  for (const Figure& figure : figures) {
    for (const Box& box : figure) {
      size = {std::max(size.width, box.right()), std::max(size.height, box.bottom())};
    }
  }
  return size;
}

NetworkPlan plan_of(const NetworkShape& shape, Size tile, const Spacing& spacing) {
  return std::visit([&](const auto& known) { return plan_of(known, tile, spacing); }, shape);
}

NetworkPlan with_axes(NetworkPlan plan, const GridShape& grid) {
  constexpr double left = 30;
  constexpr double top = 20;
  for (Figure& figure : plan.routers) figure.front() = figure.front().moved(left, top);
  plan.size = {left + plan.size.width, top + plan.size.height};
  for (std::uint32_t x = 0; x < grid.width; ++x) {
    const Box& tile = plan.routers[std::size_t{x} * grid.height].front();
    plan.labels.push_back(
        {tile.x + std::floor(tile.width / 2), top - 8, "middle", std::to_string(x)});
  }
  for (std::uint32_t y = 0; y < grid.height; ++y) {
    const Box& tile = plan.routers[y].front();
    plan.labels.push_back(
        {left - 10, tile.y + std::floor(tile.height / 2) + 4, "end", std::to_string(y)});
  }
  return plan;
}

}  // namespace nj
