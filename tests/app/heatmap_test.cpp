// Question: does the heat map draw every core and link of its chip, as dark as the run says, where
// it can be seen?
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <neurojoule/app/report.hpp>

#include "heatmap_picture.hpp"
#include "support/tiny_run.hpp"

using namespace nj;
using nj::testing::Arrow;
using nj::testing::Box;
using nj::testing::Finished;
using nj::testing::Picture;
using nj::testing::Point;
using nj::testing::run_tiny;
using nj::testing::TinyScenario;

namespace {

const LinkSpec any_link{64, Picoseconds(1000), Picoseconds(2000)};

/// Routers `r0`, `<r1>`, ..; the first `tiles` have one. `linked(a, b)`: a link from a to b.
template <typename Linked>
EdgeListShape edge_list(std::uint32_t routers, std::uint32_t tiles, const Linked& linked) {
  EdgeListShape list;
  list.tiles = tiles;
  for (std::uint32_t a = 0; a < routers; ++a) {
    list.routers.push_back(a % 2 == 0 ? fmt::format("r{}", a) : fmt::format("<r{}>", a));
    for (std::uint32_t b = 0; b < routers; ++b) {
      if (linked(a, b)) list.edges.push_back({a, b, any_link});
    }
  }
  return list;
}

MultiChipSpec several(const NetworkShape& chip, const NetworkShape& between,
                      std::uint32_t gateway) {
  return {{chip, Routing::shortest_path}, {between, Routing::shortest_path}, gateway};
}

/// A run of the tiny network, as if its chip had other routers and they had been busy.
class MadeUpRun {
 public:
  [[nodiscard]] Finished on(std::variant<NetworkSpec, MultiChipSpec> network,
                            std::size_t cores = 1) const {
    Finished made = finished_;
    ChipSpec spec = made.prepared.chip->chip.spec();
    spec.topology.network = std::move(network);
    spec.topology.tile.assign(cores, spec.core_kinds.front().name);
    made.prepared.chip->chip = Chip(spec);
    const Chip& chip = made.prepared.chip->chip;
    ChipResult& result = *made.result.chip;
    result.mapping.slices.clear();
    result.cores.assign(chip.cores().size(), {});
    result.stalled.assign(chip.cores().size(), {});
    for (std::size_t i = 0; i < chip.cores().size(); ++i) {
      result.cores[i].synapse_unit = Picoseconds(static_cast<std::int64_t>(i * 7 % 13));
    }
    result.links.assign(chip.topology().links().size(), {});
    for (std::size_t i = 0; i < result.links.size(); ++i) {
      result.links[i].busy = Picoseconds(static_cast<std::int64_t>(i * 5 % 11));
      result.links[i].flits = i;
    }
    return made;
  }
  [[nodiscard]] Finished on(const NetworkShape& shape, std::size_t cores = 1) const {
    return on(NetworkSpec{shape, Routing::shortest_path}, cores);
  }

 private:
  TinyScenario tiny_;
  Finished finished_ = run_tiny(tiny_);
};

std::int64_t shade(std::int64_t busy, std::int64_t most) {
  return busy == 0 ? 0 : std::min<std::int64_t>(8, 1 + busy * 8 / most);
}

double middle_distance(const Box& a, const Box& b) {
  return std::hypot(a.x + a.width / 2 - b.x - b.width / 2, a.y + a.height / 2 - b.y - b.height / 2);
}

void check_cores(const Picture& picture, const Finished& finished) {
  const Chip& chip = finished.prepared.chip->chip;
  REQUIRE(picture.cores.size() == chip.cores().size());
  std::int64_t most = 0;
  for (const UnitTimes& core : finished.result.chip->cores) {
    most = std::max(most, core.synapse_unit.value());
  }
  for (std::size_t i = 0; i < picture.cores.size(); ++i) {
    const std::uint32_t tile = chip.cores()[i].tile;
    const std::string& router = chip.topology().router_name(tile);
    const std::string name = router.starts_with("tile ") ? router : "tile " + router;
    CHECK(picture.core_titles[i].starts_with(fmt::format(
        "core {} ({}), {}: unused; neuron ", i, chip.spec().core_kinds.front().name, name)));
    const std::int64_t busy = finished.result.chip->cores[i].synapse_unit.value();
    CHECK(picture.core_kinds[i] == fmt::format("c c{}", shade(busy, most)));
    CHECK(picture.tiles[tile].holds(picture.cores[i]));
    for (std::size_t j = 0; j < i && chip.cores()[i - j - 1].tile == tile; ++j) {
      CHECK_FALSE(picture.cores[i].touches(picture.cores[i - j - 1]));
    }
  }
}

/// The boxes of each router.
std::vector<std::vector<Box>> figures_of(const Picture& picture, const Topology& topology) {
  REQUIRE(picture.tiles.size() == topology.tiles());
  REQUIRE(picture.routers.size() == topology.routers() - topology.tiles());
  std::vector<std::vector<Box>> figures;
  for (const Box& tile : picture.tiles) figures.push_back({tile});
  for (std::uint32_t router = topology.tiles(); router < topology.routers(); ++router) {
    figures.push_back(picture.routers.at(topology.router_name(router)));
  }
  return figures;
}

void check_apart(const std::vector<std::vector<Box>>& figures) {
  std::size_t touching = 0;
  for (std::size_t a = 0; a < figures.size(); ++a) {
    for (std::size_t b = 0; b < a; ++b) {
      for (const Box& one : figures[a]) {
        for (const Box& other : figures[b]) touching += one.touches(other) ? 1 : 0;
      }
    }
  }
  CHECK(touching == 0);
}

double nearest(const std::vector<Box>& figure, Point point) {
  double least = 1e9;
  for (const Box& box : figure) least = std::min(least, box.distance(point));
  return least;
}

/// Arrows begin at one router and end at the other; `straight`: they pass none.
void check_link(const Arrow& arrow, const std::vector<Box>& from, const std::vector<Box>& to,
                const std::vector<std::vector<Box>>& figures, bool leaves, bool straight) {
  CHECK(nearest(from, arrow.at(0)) < 9);
  if (leaves) {
    CHECK(nearest(to, arrow.at(1)) > nearest(to, arrow.at(0)));
  } else {
    CHECK(nearest(to, arrow.at(1)) < 9);
  }
  std::size_t inside = 0;
  for (const Point corner : arrow.points) {
    if (nearest(from, corner) < 1 || nearest(to, corner) < 1) ++inside;
  }
  for (double part = 0; straight && part <= 1; part += 0.1) {
    for (const std::vector<Box>& figure : figures) {
      if (nearest(figure, arrow.at(part)) < 1) ++inside;
    }
  }
  CHECK(inside == 0);
}

void check_links(const Picture& picture, const Finished& finished,
                 const std::vector<std::vector<Box>>& figures, bool straight) {
  const TopologySpec& spec = finished.prepared.chip->chip.spec().topology;
  const Topology& topology = finished.prepared.chip->chip.topology();
  const auto is_torus = [](const NetworkSpec& network) {
    const auto* grid = std::get_if<GridShape>(&network.shape);
    return grid != nullptr && grid->wraps;
  };
  const auto* chips = std::get_if<MultiChipSpec>(&spec.network);
  REQUIRE(picture.links.size() == topology.links().size());
  std::int64_t most = 0;
  for (const LinkLoad& load : finished.result.chip->links) {
    most = std::max(most, load.busy.value());
  }
  for (std::size_t i = 0; i < topology.links().size(); ++i) {
    const Link& link = topology.links()[i];
    const LinkLoad& load = finished.result.chip->links[i];
    const std::string ends =
        topology.router_name(link.from) + " to " + topology.router_name(link.to);
    REQUIRE(picture.links.count(ends) == 1);
    const Arrow& arrow = picture.links.at(ends);
    CHECK(arrow.kind == fmt::format("l l{}", shade(load.busy.value(), most)));
    CHECK(arrow.title.ends_with(fmt::format(" %, {} flits, 0 packets at once", load.flits)));
    const bool between = link.direction == Direction::between_chips;
    const auto end_of = [&](std::uint32_t router) {
      const std::string& name = topology.router_name(router);
      if (!between || name.starts_with("between chips")) return figures[router];
      return std::vector<Box>{picture.panels[std::stoul(name.substr(5))]};
    };
    const NetworkSpec& network = chips == nullptr ? std::get<NetworkSpec>(spec.network)
                                 : between        ? chips->between
                                                  : chips->chip;
    check_link(arrow, end_of(link.from), end_of(link.to), figures, link.closes && is_torus(network),
               straight);
  }
}

/// Routers are in the panels of their chips, which are apart.
void check_panels(const Picture& picture, const Topology& topology,
                  const std::vector<std::vector<Box>>& figures) {
  if (picture.panels.empty()) return;
  std::vector<std::vector<Box>> outside;
  for (const Box& panel : picture.panels) outside.push_back({panel});
  for (std::uint32_t router = 0; router < topology.routers(); ++router) {
    const std::string& name = topology.router_name(router);
    if (name.starts_with("between chips")) {
      outside.push_back(figures[router]);
      continue;
    }
    for (const Box& box : figures[router]) {
      CHECK(picture.panels[std::stoul(name.substr(5))].holds(box));
    }
  }
  check_apart(outside);
}

/// `straight`: no link passes over a router.
void check_picture(const Finished& finished, bool straight) {
  const Picture picture(finished);
  CHECK(heatmap_svg(finished.prepared, finished.result) ==
        heatmap_svg(finished.prepared, finished.result));
  const Topology& topology = finished.prepared.chip->chip.topology();
  const auto figures = figures_of(picture, topology);
  check_apart(figures);
  check_cores(picture, finished);
  check_panels(picture, topology, figures);
  check_links(picture, finished, figures, straight);
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("a heat map: a square per core and an arrow per link, as dark as they were busy") {
  const TinyScenario tiny;
  auto [prepared, result] = run_tiny(tiny);
  const Chip& chip = prepared.chip->chip;
  const std::string picture = heatmap_svg(prepared, result);
  // The legend has a swatch for none and 8 for more, of each kind.
  CHECK(count_of(picture, "<rect class=\"c c") == 9 + chip.cores().size());
  CHECK(count_of(picture, "<rect class=\"l l") == 9);
  CHECK(count_of(picture, "<path class=\"l l") == chip.topology().links().size());
  CHECK(count_of(picture, "<rect class=\"tile\"") == chip.topology().tiles());

  const auto busier = [](const UnitTimes& core) {
    return std::max(core.neuron_unit, core.synapse_unit).value();
  };
  std::int64_t most = 0;
  for (const UnitTimes& core : result.chip->cores) most = std::max(most, busier(core));
  std::map<std::int64_t, std::size_t> cores_by_shade;
  for (const UnitTimes& core : result.chip->cores) {
    const std::int64_t busy = busier(core);
    ++cores_by_shade[busy == 0 ? 0 : std::min<std::int64_t>(8, 1 + busy * 8 / most)];
  }
  CHECK(cores_by_shade[8] > 0);
  CHECK(cores_by_shade[0] > 0);
  for (std::int64_t shade = 0; shade <= 8; ++shade) {
    CHECK(count_of(picture, "<rect class=\"c c" + std::to_string(shade) + "\"") ==
          1 + cores_by_shade[shade]);
  }
  // Tile (0,0) is at 50, 146 and has 2 x 2 cores: 2 x 18 + 3 + 2 x 5 = 49 wide. The link down
  // begins 2 below it at 197, is 22 long and lies left of its middle, 74.5, by 1.5 to 7.5.
  const auto is_arrow = [](const std::string& svg, const std::string& path, const char* link) {
    return svg.find("d=\"" + path + "\"><title>link " + link + ":") != std::string::npos;
  };
  CHECK(is_arrow(picture, "M73,197 L73,213 L70,219 L67,213 L67,197 Z", "(0,0) to (0,1)"));
  // To the right: from 50 + 49 + 2 on, below the middle, 170.5.
  CHECK(is_arrow(picture, "M101,172 L117,172 L123,175 L117,178 L101,178 Z", "(0,0) to (1,0)"));
  // Loads are sums over the samples, of the links as of the cores.
  std::uint64_t flits = 0;
  for (const LinkLoad& link : result.chip->links) flits += link.flits;
  CHECK(flits == result.chip->hops);  // packets of mesh45 are one flit
  std::int64_t layers = 0;
  for (const Picoseconds busy : result.chip->busy) layers = std::max(layers, busy.value());
  CHECK(most == layers);

  ChipSpec spec = chip.spec();
  spec.name = "a<b&c";
  std::get<GridShape>(std::get<NetworkSpec>(spec.topology.network).shape).wraps = true;
  prepared.chip->chip = Chip(spec);
  result.chip->links.resize(prepared.chip->chip.topology().links().size());
  const std::string torus = heatmap_svg(prepared, result);
  CHECK(torus.find("tiny on a&lt;b&amp;c: torus of 8 x 4 tiles<") != std::string::npos);
  CHECK(is_arrow(torus, "M652,198 L668,198 L674,201 L668,204 L652,204 Z", "(7,0) to (0,0)"));
  // Tile (0,3) is at 50 + 26, 146 + 26 + 3 x (49 + 26); its ring closes below it.
  CHECK(is_arrow(torus, "M99,448 L99,464 L96,470 L93,464 L93,448 Z", "(0,3) to (0,0)"));
}

TEST_CASE("a heat map is of every chip of cores") {
  const TinyScenario tiny;
  const auto [prepared, result] = run_tiny(tiny, {"chip=pe_array45"});
  CHECK_FALSE(has_heatmap(prepared.chip->chip));
  write_results(prepared, result, tiny.folder() / "out");
  CHECK_FALSE(std::filesystem::exists(tiny.folder() / "out" / "heatmap.svg"));
  const MadeUpRun made;
  CHECK(has_heatmap(made.on(GridShape{3, 2, true, any_link, any_link}).prepared.chip->chip));
  CHECK(has_heatmap(made.on(RingShape{32, any_link}).prepared.chip->chip));
  CHECK(has_heatmap(
      made.on(several(RingShape{3, any_link}, RingShape{3, any_link}, 0)).prepared.chip->chip));
}

TEST_CASE("a heat map of any network: all of it once, apart, and inside") {
  const MadeUpRun made;
  const auto draws = [&](const NetworkShape& shape, std::size_t cores, bool straight = true) {
    const Finished finished = made.on(shape, cores);
    CAPTURE(to_string(finished.prepared.chip->chip.spec().topology));
    check_picture(finished, straight);
  };
  draws(GridShape{5, 3, false, any_link, any_link}, 3);
  draws(GridShape{4, 3, true, any_link, any_link}, 1);
  for (const std::uint32_t routers : {1U, 2U, 3U, 4U, 6U, 7U, 24U, 25U, 26U, 27U, 40U, 61U}) {
    draws(RingShape{routers, any_link}, 2);
  }
  draws(TreeShape{2, {any_link, any_link, any_link}}, 4);
  draws(TreeShape{4, {any_link, any_link, any_link}}, 1);
  draws(TreeShape{2, std::vector<LinkSpec>(7, any_link)}, 4);
  draws(TreeShape{9, {any_link, any_link}}, 2);
  for (const std::uint32_t ports : {1U, 9U, 64U, 127U}) draws(CrossbarShape{ports, any_link}, 5);
  // All to all, one way round, a star of more routers than tiles, and a router without links.
  draws(edge_list(8, 8, [](std::uint32_t a, std::uint32_t b) { return a != b; }), 1, false);
  draws(edge_list(9, 9, [](std::uint32_t a, std::uint32_t b) { return b == (a + 1) % 9; }), 4);
  draws(edge_list(30, 12,
                  [](std::uint32_t a, std::uint32_t b) {
                    return b != 29 && a != 29 && (a == 28) != (b == 28);
                  }),
        1, false);
  // More than are drawn by their distances.
  draws(
      edge_list(1025, 2, [](std::uint32_t a, std::uint32_t b) { return a + 1 == b || b + 1 == a; }),
      1, false);
}

TEST_CASE("a heat map of several chips: all of it once, apart, and inside") {
  const MadeUpRun made;
  const auto draws = [&](const NetworkShape& chip, const NetworkShape& between,
                         std::uint32_t gateway, bool straight = true) {
    const Finished finished = made.on(several(chip, between, gateway));
    CAPTURE(to_string(finished.prepared.chip->chip.spec().topology));
    check_picture(finished, straight);
  };
  const GridShape mesh{3, 2, false, any_link, any_link};
  const GridShape torus{3, 3, true, any_link, any_link};
  draws(mesh, mesh, 4);
  draws(torus, torus, 8);
  draws(RingShape{4, any_link}, torus, 0);
  draws(torus, RingShape{5, any_link}, 0);
  draws(RingShape{6, any_link}, TreeShape{2, {any_link, any_link}}, 3);
  draws(CrossbarShape{9, any_link}, RingShape{5, any_link}, 9);
  draws(TreeShape{3, {any_link, any_link}}, CrossbarShape{10, any_link}, 12);
  draws(mesh,
        edge_list(7, 6, [](std::uint32_t a, std::uint32_t b) { return (a == 6) != (b == 6); }), 0,
        false);
}

TEST_CASE("a heat map: links lie below what they pass over") {
  const MadeUpRun made;
  const EdgeListShape all = edge_list(4, 3, [](auto a, auto b) { return a != b; });
  const Finished finished = made.on(several(all, all, 0));
  const std::string picture = heatmap_svg(finished.prepared, finished.result);
  const auto last = [&](const std::string& part) { return picture.rfind(part); };
  const std::size_t between = last("<title>link chip 2 r0 to between chips");
  CHECK(between < picture.find("\"panel\""));
  CHECK(last("\"panel\"") < picture.find("<title>link chip 0 r0 to chip 0"));
  CHECK(last("<path") < picture.find("\"tile"));
  CHECK(last("<path") < picture.find("\"router\""));
}

TEST_CASE("a heat map: where the routers of each network are") {
  const MadeUpRun made;
  // A tile with one core is 28 wide, the next one along a link 26 farther. Six go there and back.
  const Picture ring(made.on(RingShape{6, any_link}));
  const std::vector<Box> two_rows{{20, 126, 28, 28},  {74, 126, 28, 28}, {128, 126, 28, 28},
                                  {128, 180, 28, 28}, {74, 180, 28, 28}, {20, 180, 28, 28}};
  CHECK(ring.tiles == two_rows);
  // From tile 5 up to tile 0: right of the middle, 34, from 180 - 2 to 154 + 2.
  CHECK(ring.links.at("tile 5 to tile 0").path ==
        "M35.5,178 L35.5,162 L38.5,156 L41.5,162 L41.5,178 Z");

  // The third of three is between the others and does not face them.
  const Picture three(made.on(RingShape{3, any_link}));
  CHECK(three.tiles[2] == Box{47, 180, 28, 28});
  const Arrow& slanted = three.links.at("tile 2 to tile 0");
  CHECK(slanted.at(1).x < slanted.at(0).x - 5);

  // A switch is a bar of 18, its tiles are 12 apart below it.
  const Picture crossbar(made.on(CrossbarShape{3, any_link}));
  CHECK(crossbar.routers.at("switch") == std::vector<Box>{{20, 126, 108, 18}});
  CHECK(crossbar.tiles ==
        std::vector<Box>{{20, 170, 28, 28}, {60, 170, 28, 28}, {100, 170, 28, 28}});
  CHECK(crossbar.links.at("tile 1 to switch").path ==
        "M75.5,168 L75.5,152 L78.5,146 L81.5,152 L81.5,168 Z");

  // Where tiles are in rows, the bar of each is as long as its row, and the trunk ends at the last.
  const Picture comb(made.on(CrossbarShape{67, any_link}));
  const std::vector<Box>& bars = comb.routers.at("switch");
  REQUIRE(bars.size() > 3);
  CHECK(bars.front().x + bars.front().width == std::max_element(
                                                   comb.tiles.begin(), comb.tiles.end(),
                                                   [](const Box& a, const Box& b) {
                                                     return a.x < b.x;
                                                   })->x +
                                                   28);
  const Box& last_bar = bars[bars.size() - 2];
  CHECK(last_bar.x + last_bar.width == comb.tiles.back().x + 28);
  CHECK(last_bar.width < bars.front().width);
  CHECK(bars.back().y + bars.back().height == last_bar.y + last_bar.height);

  // Blocks of two tiles are 68 wide and 18 apart.
  const Picture tree(made.on(TreeShape{2, {any_link, any_link}}));
  CHECK(tree.routers.at("router 1 of level 1") == std::vector<Box>{{106, 170, 68, 18}});
  CHECK(tree.routers.at("router 0 of level 2") == std::vector<Box>{{20, 126, 154, 18}});
  CHECK(tree.tiles[3] == Box{146, 214, 28, 28});

  // Chips of two tiles: 82 and a border of 14 on both sides, 52 apart.
  const Picture chips(made.on(several(RingShape{2, any_link}, RingShape{2, any_link}, 1)));
  CHECK(chips.panels == std::vector<Box>{{20, 126, 56, 120}, {20, 298, 56, 120}});
  CHECK(chips.tiles[3] == Box{34, 376, 28, 28});
  CHECK(chips.gateways == std::vector<std::size_t>{1, 3});

  // Routers of an edge list are the farther apart, the more links are between them; what has no
  // links is farther than all.
  const Picture line(made.on(edge_list(
      6, 5, [](auto a, auto b) { return std::max(a, b) < 5 && (a + 1 == b || b + 1 == a); })));
  CHECK(middle_distance(line.tiles[2], line.routers.at("<r5>").front()) >
        middle_distance(line.tiles[2], line.tiles[4]) + 20);
  for (std::size_t i = 1; i < 4; ++i) {
    CHECK(middle_distance(line.tiles[0], line.tiles[i]) + 20 <
          middle_distance(line.tiles[0], line.tiles[i + 1]));
  }
}
