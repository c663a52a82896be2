#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <neurojoule/app/report.hpp>

#include "support/tiny_run.hpp"
#include "support/xml_elements.hpp"

namespace nj::testing {

struct Point {
  double x = 0;
  double y = 0;
};

struct Box {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;

  friend bool operator==(const Box&, const Box&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Box& box) {
    return out << box.x << ' ' << box.y << ' ' << box.width << ' ' << box.height;
  }
  [[nodiscard]] bool touches(const Box& other) const {
    return x <= other.x + other.width && other.x <= x + width && y <= other.y + other.height &&
           other.y <= y + height;
  }
  [[nodiscard]] bool holds(const Box& other) const {
    return x <= other.x && other.x + other.width <= x + width && y <= other.y &&
           other.y + other.height <= y + height;
  }
  [[nodiscard]] double distance(Point point) const {
    const double right = std::max({0.0, x - point.x, point.x - x - width});
    const double down = std::max({0.0, y - point.y, point.y - y - height});
    return std::hypot(right, down);
  }
};

struct Arrow {
  std::string kind;  ///< its classes
  std::string path;
  std::string title;
  std::vector<Point> points;

  /// On the line from the middle of its back to its tip.
  [[nodiscard]] Point at(double part) const {
    const Point back{(points[0].x + points[4].x) / 2, (points[0].y + points[4].y) / 2};
    return {back.x + part * (points[2].x - back.x), back.y + part * (points[2].y - back.y)};
  }
};

/// What a heat map shows.
struct Picture {
  Box view;
  std::vector<Box> panels;
  std::vector<Box> tiles;
  std::vector<std::size_t> gateways;  ///< tiles
  std::map<std::string, std::vector<Box>> routers;
  std::vector<Box> cores;
  std::vector<std::string> core_kinds;   ///< classes
  std::vector<std::string> core_titles;  ///< likewise by core
  std::map<std::string, Arrow> links;    ///< by `from to to`

  explicit Picture(const Finished& finished) {
    const XmlElements xml(heatmap_svg(finished.prepared, finished.result));
    const std::vector<XmlElement>& all = xml.all();
    view = {0, 0, all.front().number("width"), all.front().number("height")};
    CHECK(all.front().attributes.at("viewBox") ==
          "0 0 " + all.front().attributes.at("width") + " " + all.front().attributes.at("height"));
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i].name == "path") add_link(all[i], all[i + 1]);
      if (all[i].name == "rect" && all[i].attributes.at("class") != "paper") {
        add_box(all[i], all[i + 1], all[all[i].parent + 1]);
      }
    }
  }

 private:
  void add_box(const XmlElement& element, const XmlElement& next, const XmlElement& first) {
    const std::string& kind = element.attributes.at("class");
    const Box box{element.number("x"), element.number("y"), element.number("width"),
                  element.number("height")};
    CHECK(view.holds(box));
    if (kind == "panel") panels.push_back(box);
    if (kind == "tile gateway") gateways.push_back(tiles.size());
    if (kind.starts_with("tile")) tiles.push_back(box);
    if (kind == "router") routers[first.text].push_back(box);
    // The legend has no titles.
    if (kind.starts_with("c ") && next.name == "title") {
      cores.push_back(box);
      core_kinds.push_back(kind);
      core_titles.push_back(next.text);
    }
  }
  void add_link(const XmlElement& path, const XmlElement& title) {
    Arrow arrow{path.attributes.at("class"), path.attributes.at("d"), title.text, {}};
    std::istringstream corners(arrow.path);
    char separator = 0;
    for (Point point; corners >> separator >> point.x >> separator >> point.y;) {
      CHECK(view.holds({point.x, point.y, 0, 0}));
      arrow.points.push_back(point);
    }
    REQUIRE(arrow.points.size() == 5);
    CHECK(title.text.starts_with("link "));
    const std::string ends = title.text.substr(5, title.text.find(": busy") - 5);
    CHECK(links.emplace(ends, std::move(arrow)).second);
  }
};

}  // namespace nj::testing
