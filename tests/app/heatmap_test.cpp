// Question: does the heat map draw every core and link of its chip, as dark as the run says?
#include <algorithm>
#include <filesystem>
#include <map>
#include <string>

#include <doctest/doctest.h>

#include <neurojoule/app/report.hpp>

#include "support/tiny_run.hpp"

using namespace nj;
using nj::testing::run_tiny;
using nj::testing::TinyScenario;

namespace {

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
  // Tile (0,3) is at 50 + 26, 146 + 26 + 3 x (49 + 26); its ring closes below it.
  CHECK(is_arrow(torus, "M99,448 L99,464 L96,470 L93,464 L93,448 Z", "(0,3) to (0,0)"));
}

TEST_CASE("a heat map is of meshes and tori only") {
  const TinyScenario tiny;
  const auto [prepared, result] = run_tiny(tiny, {"chip=pe_array45"});
  CHECK_FALSE(has_heatmap(prepared.chip->chip));
  write_results(prepared, result, tiny.folder() / "out");
  CHECK_FALSE(std::filesystem::exists(tiny.folder() / "out" / "heatmap.svg"));
  const PreparedRun mesh = prepare(read_batch(tiny.file(), {}).points.front().scenario);
  ChipSpec spec = mesh.chip->chip.spec();
  auto& network = std::get<NetworkSpec>(spec.topology.network);
  auto& grid = std::get<GridShape>(network.shape);
  const LinkSpec link = grid.east_west;
  grid.wraps = true;
  CHECK(has_heatmap(Chip(spec)));
  network.shape = RingShape{32, link};
  CHECK_FALSE(has_heatmap(Chip(spec)));
}
