#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "neurojoule/hardware/topology_spec.hpp"

// Where the routers of one network are in a picture, in pixels from its upper left corner.
namespace nj {

struct Size {
  double width = 0;
  double height = 0;
};

struct Box {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;

  [[nodiscard]] double right() const { return x + width; }
  [[nodiscard]] double bottom() const { return y + height; }
  [[nodiscard]] Box moved(double right, double down) const {
    return {x + right, y + down, width, height};
  }
};

/// What a router looks like: one box where it has a tile, else bars that make up one figure.
using Figure = std::vector<Box>;

/// A small text in the picture.
struct Label {
  double x = 0;
  double y = 0;
  std::string_view anchor;  ///< what of the text is at x
  std::string text;
};

/// The picture of one network.
struct NetworkPlan {
  Size size;
  std::vector<Figure> routers;
  std::vector<Label> labels;
  /// Links that close rings are drawn as arrows out of the picture.
  bool opens_rings = false;
};

/// Lengths between and of routers.
struct Spacing {
  double link = 26;  ///< from one router to the next
  double bar = 18;   ///< thickness of a router without a tile
};

/// A coordinate as text, to a hundredth of a pixel.
std::string pixels(double coordinate);

/// How far figures reach to the right and down.
Size extent(const std::vector<Figure>& figures);

/// The plan of a network whose tiles have that size. No two figures touch, and all are inside.
NetworkPlan plan_of(const NetworkShape& shape, Size tile, const Spacing& spacing = {});

/// Any graph, by the number of links on the shortest ways between its routers.
NetworkPlan plan_of(const EdgeListShape& list, Size tile, const Spacing& spacing);

/// The plan of a grid with the numbers of its columns and rows.
NetworkPlan with_axes(NetworkPlan plan, const GridShape& grid);

}  // namespace nj
