#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <queue>

#include "heatmap_plan.hpp"

// The picture of any graph: distances in the picture are as the numbers of links on the shortest
// ways, by stress majorization (Gansner, Koren, North, "Graph drawing by stress majorization",
// Graph Drawing 2004), then boxes that overlap are pushed apart. The same work in the same order
// each time, with as many rounds as its bound allows. (Boost.Graph's kamada_kawai_spring_layout
// comes to the same pictures, a hundred times slower, but on some meshes to no end.)

namespace nj {
namespace {

using Position = std::array<double, 2>;

/// Larger graphs are drawn as a plain grid.
constexpr std::size_t most_routers = 1024;

/// Square matrix of the links on the shortest ways, whatever their directions.
class Distances {
 public:
  explicit Distances(const EdgeListShape& list)
      : count_(list.routers.size()), links_(count_ * count_, unknown) {
    std::vector<std::vector<std::size_t>> neighbours(count_);
    for (const EdgeListShape::Edge& edge : list.edges) {
      neighbours[edge.from].push_back(edge.to);
      neighbours[edge.to].push_back(edge.from);
    }
    for (std::size_t start = 0; start < count_; ++start) walk(start, neighbours);
    // Parts without a way between them stay apart.
    double most = 0;
    for (const double links : links_) most = std::max(most, links);
    std::replace(links_.begin(), links_.end(), unknown, most + 1);
  }

  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] double operator()(std::size_t a, std::size_t b) const {
    return links_[a * count_ + b];
  }

 private:
  static constexpr double unknown = -1;

  void walk(std::size_t start, const std::vector<std::vector<std::size_t>>& neighbours) {
    double* to = &links_[start * count_];
    to[start] = 0;
    std::queue<std::size_t> next({start});
    for (; !next.empty(); next.pop()) {
      for (const std::size_t neighbour : neighbours[next.front()]) {
        if (to[neighbour] != unknown) continue;
        to[neighbour] = to[next.front()] + 1;
        next.push(neighbour);
      }
    }
  }

  std::size_t count_;
  std::vector<double> links_;
};

double length(double x, double y) { return std::sqrt(x * x + y * y); }

std::vector<Position> circle(std::size_t count) {
  std::vector<Position> points(count);
  const double turn = 2 * std::numbers::pi / static_cast<double>(count);
  const double radius = 1 / turn;
  for (std::size_t i = 0; i < count; ++i) {
    points[i] = {-radius * std::cos(turn * static_cast<double>(i)),
                 -radius * std::sin(turn * static_cast<double>(i))};
  }
  return points;
}

/// Where all others would have router i, each with the weight of its distance ^ -2.
Position wanted(const Distances& distances, const std::vector<Position>& points, std::size_t i) {
  Position sum{};
  double weights = 0;
  for (std::size_t j = 0; j < points.size(); ++j) {
    if (j == i) continue;
    const double x = points[i][0] - points[j][0];
    const double y = points[i][1] - points[j][1];
    const double is = length(x, y);
    const double links = distances(i, j);
    const double weight = 1 / (links * links);
    const double scale = is > 0 ? links / is : 0;
    sum[0] += weight * (points[j][0] + scale * x);
    sum[1] += weight * (points[j][1] + scale * y);
    weights += weight;
  }
  return weights > 0 ? Position{sum[0] / weights, sum[1] / weights} : points[i];
}

/// Points whose distances are near those of the graph.
std::vector<Position> spread(const Distances& distances) {
  constexpr std::size_t rounds = 300;
  constexpr std::size_t work = 100'000'000;  // pairs, over all rounds
  constexpr double still = 1e-4;
  const std::size_t count = distances.count();
  std::vector<Position> points = circle(count);
  for (std::size_t round = 0; round < std::min(rounds, work / (count * count)); ++round) {
    double most = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const Position to = wanted(distances, points, i);
      most = std::max(most, length(to[0] - points[i][0], to[1] - points[i][1]));
      points[i] = to;
    }
    if (most < still) break;
  }
  return points;
}

/// Pushes two boxes apart, along the axis where that takes less, so that a link has room between
/// them. Whether it had none.
bool push_apart(Box& a, Box& b, double room) {
  const double x = b.x + b.width / 2 - a.x - a.width / 2;
  const double y = b.y + b.height / 2 - a.y - a.height / 2;
  const double lacks_x = (a.width + b.width) / 2 + room - std::abs(x);
  const double lacks_y = (a.height + b.height) / 2 + room - std::abs(y);
  if (lacks_x <= 0 || lacks_y <= 0) return false;
  const bool along_x = lacks_x < lacks_y;
  const double step = ((along_x ? lacks_x : lacks_y) / 2 + 1) * ((along_x ? x : y) < 0 ? -1 : 1);
  (along_x ? a.x : a.y) -= step;
  (along_x ? b.x : b.y) += step;
  return true;
}

bool push_all(std::vector<Box>& boxes, double room) {
  bool pushed = false;
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    for (std::size_t j = i + 1; j < boxes.size(); ++j) {
      pushed = push_apart(boxes[i], boxes[j], room) || pushed;
    }
  }
  return pushed;
}

void grow(std::vector<Box>& boxes) {
  for (Box& box : boxes) {
    box.x += (box.x + box.width / 2) / 10;
    box.y += (box.y + box.height / 2) / 10;
  }
}

/// Whether boxes came apart, by as much as its bound allows: first the picture grows, which keeps
/// its form, then they are pushed as well.
bool come_apart(std::vector<Box>& boxes, double room) {
  constexpr int growths = 30;
  constexpr int growths_alone = 8;
  constexpr int pushes = 20;
  for (int growth = 0; growth < growths; ++growth) {
    if (growth < growths_alone) {
      std::vector<Box> tried = boxes;
      if (!push_all(tried, room)) return true;
    } else {
      for (int push = 0; push < pushes; ++push) {
        if (!push_all(boxes, room)) return true;
      }
    }
    grow(boxes);
  }
  return false;
}

/// The boxes in a grid, in order.
void arrange(std::vector<Box>& boxes, Size cell, double room) {
  const auto across =
      static_cast<std::size_t>(std::ceil(std::sqrt(static_cast<double>(boxes.size()))));
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    Box& box = boxes[i];
    const std::size_t row = i / across;
    const std::size_t column = i % across;
    box.x = static_cast<double>(column) * (cell.width + room) + (cell.width - box.width) / 2;
    box.y = static_cast<double>(row) * (cell.height + room) + (cell.height - box.height) / 2;
  }
}

}  // namespace

NetworkPlan plan_of(const EdgeListShape& list, Size tile, const Spacing& spacing) {
  const double dot = 1.5 * spacing.bar;
  std::vector<Box> boxes(list.routers.size(), {0, 0, dot, dot});
  for (std::uint32_t t = 0; t < list.tiles; ++t) boxes[t] = {0, 0, tile.width, tile.height};
  bool apart = false;
  if (boxes.size() <= most_routers) {
    const std::vector<Position> points = spread(Distances(list));
    for (std::size_t i = 0; i < boxes.size(); ++i) {
      boxes[i].x = points[i][0] * (tile.width + 2 * spacing.link) - boxes[i].width / 2;
      boxes[i].y = points[i][1] * (tile.height + 2 * spacing.link) - boxes[i].height / 2;
    }
    apart = come_apart(boxes, spacing.link);
  }
  if (!apart) arrange(boxes, tile, spacing.link);
  double left = boxes.front().x;
  double top = boxes.front().y;
  for (const Box& box : boxes) {
    left = std::min(left, box.x);
    top = std::min(top, box.y);
  }
  NetworkPlan plan;
  for (const Box& box : boxes) {
    plan.routers.push_back(
        {{std::round(box.x - left), std::round(box.y - top), box.width, box.height}});
  }
  plan.size = extent(plan.routers);
  return plan;
}

}  // namespace nj
