#include "heatmap_arrow.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

namespace nj {
namespace {

struct Point {
  double x = 0;
  double y = 0;
};

/// How an arrow lies beside the line through the middles of its two lanes.
struct Lane {
  double near = 1.5;
  double far = 7.5;
  double head = 6;
  double clear = 2;  ///< of the borders of boxes
  double both = 16;  ///< what two lanes need

  [[nodiscard]] Lane times(double factor) const {
    return {factor * near, factor * far, factor * head, clear, factor * both};
  }
};

/// From where to where an arrow goes, on the line between the lanes.
struct Shaft {
  Point from;
  Point to;
};

/// What two sides have in common; negative: how far they are apart.
double common(double a, double a_end, double b, double b_end) {
  return std::min(a_end, b_end) - std::max(a, b);
}

/// How far two boxes are apart.
double distance(const Box& a, const Box& b) {
  const double x = std::max(0.0, -common(a.x, a.right(), b.x, b.right()));
  const double y = std::max(0.0, -common(a.y, a.bottom(), b.y, b.bottom()));
  return std::sqrt(x * x + y * y);
}

/// The boxes of two figures that are the nearest.
std::pair<Box, Box> nearest(const Figure& from, const Figure& to) {
  std::pair<Box, Box> best{from.front(), to.front()};
  for (const Box& a : from) {
    for (const Box& b : to) {
      if (distance(a, b) < distance(best.first, best.second)) best = {a, b};
    }
  }
  return best;
}

/// How far from its middle a box with a border ends in a direction, for all of a strip that lies
/// `left` to `right` to the right of the middle.
double reach(const Box& box, double border, Point d, double left, double right) {
  const Point half{box.width / 2 + border, box.height / 2 + border};
  const auto along = [&](double beside) {
    const double x = half.x + (d.x < 0 ? -1 : 1) * d.y * beside;
    const double y = half.y - (d.y < 0 ? -1 : 1) * d.x * beside;
    return std::min(x / std::abs(d.x), y / std::abs(d.y));
  };
  double most = std::max(along(left), along(right));
  for (const Point corner : {Point{half.x, half.y}, Point{half.x, -half.y}, Point{-half.x, half.y},
                             Point{-half.x, -half.y}}) {
    const double beside = corner.y * d.x - corner.x * d.y;
    if (left < beside && beside < right) {
      most = std::max(most, corner.x * d.x + corner.y * d.y);
    }
  }
  return most;
}

/// Along the line through the middles, as far as the whole lane is outside of both boxes.
Shaft slanted(const Box& a, const Box& b, const Lane& lane) {
  const Point start{a.x + a.width / 2, a.y + a.height / 2};
  const double right = b.x + b.width / 2 - start.x;
  const double down = b.y + b.height / 2 - start.y;
  const double length = std::sqrt(right * right + down * down);
  const Point d{right / length, down / length};
  const double from = reach(a, lane.clear, d, lane.near, lane.far);
  const double to = length - reach(b, lane.clear, {-d.x, -d.y}, -lane.far, -lane.near);
  return {{start.x + from * d.x, start.y + from * d.y}, {start.x + to * d.x, start.y + to * d.y}};
}

/// Between the borders of two boxes: along an axis where they face each other.
Shaft shaft(const Box& a, const Box& b, const Lane& lane) {
  const double x = common(a.x, a.right(), b.x, b.right());
  const double y = common(a.y, a.bottom(), b.y, b.bottom());
  if (y >= lane.both) {
    const double middle = std::max(a.y, b.y) + y / 2;
    if (b.x > a.x) return {{a.right() + lane.clear, middle}, {b.x - lane.clear, middle}};
    return {{a.x - lane.clear, middle}, {b.right() + lane.clear, middle}};
  }
  if (x >= lane.both) {
    const double middle = std::max(a.x, b.x) + x / 2;
    if (b.y > a.y) return {{middle, a.bottom() + lane.clear}, {middle, b.y - lane.clear}};
    return {{middle, a.y - lane.clear}, {middle, b.bottom() + lane.clear}};
  }
  return slanted(a, b, lane);
}

/// Out of the picture, away from the other end of the ring.
Shaft outwards(const Box& a, const Box& b, const Lane& lane, double room) {
  const Point middle{a.x + a.width / 2, a.y + a.height / 2};
  if (common(a.y, a.bottom(), b.y, b.bottom()) > 0) {
    const double step = b.x > a.x ? -1 : 1;
    const double start = middle.x + step * (a.width / 2 + lane.clear);
    return {{start, middle.y}, {start + step * (room - 2 * lane.clear), middle.y}};
  }
  const double step = b.y > a.y ? -1 : 1;
  const double start = middle.y + step * (a.height / 2 + lane.clear);
  return {{middle.x, start}, {middle.x, start + step * (room - 2 * lane.clear)}};
}

/// An arrow in the right-hand lane of its direction.
std::string outline(const Shaft& shaft, const Lane& lane) {
  const double right = shaft.to.x - shaft.from.x;
  const double down = shaft.to.y - shaft.from.y;
  const double length = std::sqrt(right * right + down * down);
  const Point d{right / length, down / length};
  const auto at = [&](double along, double beside) {
    return pixels(shaft.from.x + along * d.x - beside * d.y) + "," +
           pixels(shaft.from.y + along * d.y + beside * d.x);
  };
  const double neck = length - lane.head;
  return fmt::format("M{} L{} L{} L{} L{} Z", at(0, lane.near), at(neck, lane.near),
                     at(length, (lane.near + lane.far) / 2), at(neck, lane.far), at(0, lane.far));
}

}  // namespace

std::string arrow_outline(const Figure& from, const Figure& to, double room, bool leaves) {
  const Lane lane = Lane{}.times(room / Spacing{}.link);
  const auto [a, b] = nearest(from, to);
  return outline(leaves ? outwards(a, b, lane, room) : shaft(a, b, lane), lane);
}

}  // namespace nj
