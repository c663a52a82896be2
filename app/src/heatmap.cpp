#include <algorithm>

#include <fmt/format.h>

#include "neurojoule/app/report.hpp"

#include "xml_text.hpp"

namespace nj {
namespace {

/// Lengths in pixels.
constexpr std::uint32_t core_side = 18;
constexpr std::uint32_t core_gap = 3;
constexpr std::uint32_t tile_border = 5;
constexpr std::uint32_t link_room = 26;  ///< between tiles
constexpr std::uint32_t left = 50;
constexpr std::uint32_t top = 146;
constexpr std::uint32_t margin = 20;
constexpr std::uint32_t least_width = 500;
constexpr std::uint32_t title_letter = 9;

constexpr std::uint32_t shades = 8;

/// Shade 0 is for nothing done at all. In dark surroundings, more is brighter.
constexpr std::string_view style = R"(<style>
svg { font: 12px system-ui, sans-serif; background: #ffffff; }
text { fill: #24292f; } .small { font-size: 10px; fill: #57606a; }
.title { font-size: 15px; font-weight: 600; }
.paper { fill: #ffffff; } .tile { fill: none; stroke: #8c959f; }
.c, .l { stroke: #8c959f; stroke-width: 0.5; }
.c0, .l0 { fill: #ffffff; }
.c1 { fill: #deebf7; } .c2 { fill: #c6dbef; } .c3 { fill: #9ecae1; } .c4 { fill: #6baed6; }
.c5 { fill: #4292c6; } .c6 { fill: #2171b5; } .c7 { fill: #08519c; } .c8 { fill: #08306b; }
.l1 { fill: #fee6ce; } .l2 { fill: #fdd0a2; } .l3 { fill: #fdae6b; } .l4 { fill: #fd8d3c; }
.l5 { fill: #f16913; } .l6 { fill: #d94801; } .l7 { fill: #a63603; } .l8 { fill: #7f2704; }
@media (prefers-color-scheme: dark) {
svg { background: #0d1117; }
text { fill: #e6edf3; } .small { fill: #9198a1; }
.paper { fill: #0d1117; } .tile, .c, .l { stroke: #656c76; }
.c0, .l0 { fill: #0d1117; }
.c1 { fill: #0b2a52; } .c2 { fill: #0d3f78; } .c3 { fill: #1358a0; } .c4 { fill: #2475c0; }
.c5 { fill: #4292d6; } .c6 { fill: #72b2e4; } .c7 { fill: #a6d2f0; } .c8 { fill: #dff0fb; }
.l1 { fill: #4a1c06; } .l2 { fill: #702a06; } .l3 { fill: #983a05; } .l4 { fill: #c05008; }
.l5 { fill: #e2701e; } .l6 { fill: #f59348; } .l7 { fill: #fcb97f; } .l8 { fill: #fee3c8; }
}
</style>
)";

const GridShape* grid_of(const Chip& chip) {
  const auto* network = std::get_if<NetworkSpec>(&chip.spec().topology.network);
  if (network == nullptr || chip.spec().array) return nullptr;
  return std::get_if<GridShape>(&network->shape);
}

/// Busy times as parts of the time, and as shades.
class Scale {
 public:
  Scale(Picoseconds most, Picoseconds whole) : most_(most.value()), whole_(whole.value()) {}

  /// 0 for none, else 1..shades, linear up to the most.
  [[nodiscard]] std::int64_t shade(Picoseconds busy) const {
    if (busy.value() == 0) return 0;
    const double part = static_cast<double>(busy.value()) / static_cast<double>(most_);
    return std::min<std::int64_t>(shades, 1 + static_cast<std::int64_t>(part * shades));
  }
  [[nodiscard]] double percent(Picoseconds busy) const {
    if (whole_ == 0) return 0;
    return 100.0 * static_cast<double>(busy.value()) / static_cast<double>(whole_);
  }
  [[nodiscard]] double most_percent() const { return percent(Picoseconds(most_)); }

 private:
  std::int64_t most_;
  std::int64_t whole_;
};

/// Where things are in the picture.
struct Layout {
  std::uint32_t width = 0;   ///< tiles
  std::uint32_t height = 0;  ///< tiles
  std::uint32_t across = 1;  ///< cores side by side in a tile
  std::uint32_t edge = 0;    ///< room for the links that close rings

  [[nodiscard]] std::uint32_t tile_side() const {
    return across * core_side + (across - 1) * core_gap + 2 * tile_border;
  }
  [[nodiscard]] std::uint32_t pitch() const { return tile_side() + link_room; }
  [[nodiscard]] std::uint32_t x(std::uint32_t tile) const {
    return left + edge + tile / height * pitch();
  }
  [[nodiscard]] std::uint32_t y(std::uint32_t tile) const {
    return top + edge + tile % height * pitch();
  }
  [[nodiscard]] std::uint32_t right() const {
    return left + 2 * edge + width * pitch() - link_room;
  }
  [[nodiscard]] std::uint32_t bottom() const {
    return top + 2 * edge + height * pitch() - link_room;
  }
};

Layout layout_of(const Chip& chip, const GridShape& grid) {
  std::vector<std::uint32_t> cores(chip.topology().tiles());
  for (const Core& core : chip.cores()) ++cores[core.tile];
  const std::uint32_t most = cores.empty() ? 1 : *std::max_element(cores.begin(), cores.end());
  Layout layout{grid.width, grid.height, 1, grid.wraps ? link_room : 0};
  while (layout.across * layout.across < most) ++layout.across;
  return layout;
}

std::string legend_row(std::uint32_t y, char kind, std::string_view what, double most) {
  std::string text = fmt::format("<text x=\"{}\" y=\"{}\">{}</text>\n", margin, y + 12, what);
  constexpr std::uint32_t x = 250;
  for (std::uint32_t shade = 0; shade <= shades; ++shade) {
    // The swatch of nothing stands apart.
    text +=
        fmt::format("<rect class=\"{0} {0}{1}\" x=\"{2}\" y=\"{3}\" width=\"22\" height=\"14\"/>\n",
                    kind, shade, x + shade * 22 + (shade == 0 ? 0 : 10), y);
  }
  text +=
      fmt::format("<text class=\"small\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">none</text>\n",
                  x + 11, y + 26);
  text += fmt::format("<text class=\"small\" x=\"{}\" y=\"{}\">above 0</text>\n", x + 32, y + 26);
  text +=
      fmt::format("<text class=\"small\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{:.3g} %</text>\n",
                  x + 32 + shades * 22, y + 26, most);
  return text;
}

/// Numbers of columns and rows.
std::string axes(const Layout& layout) {
  std::string text;
  for (std::uint32_t x = 0; x < layout.width; ++x) {
    text +=
        fmt::format("<text class=\"small\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
                    layout.x(x * layout.height) + layout.tile_side() / 2, top - 8, x);
  }
  for (std::uint32_t y = 0; y < layout.height; ++y) {
    text += fmt::format("<text class=\"small\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n",
                        left - 10, layout.y(y) + layout.tile_side() / 2 + 4, y);
  }
  return text;
}

/// An arrow in the gap behind a tile's edge, in the right-hand lane of its direction.
std::string arrow(const Layout& layout, std::uint32_t from, std::uint32_t to, bool closes) {
  const auto column = [&](std::uint32_t tile) { return tile / layout.height; };
  const bool sideways = column(from) != column(to);
  // A link that closes a ring points out of the picture.
  const bool forward = (to > from) != closes;
  const std::uint32_t side = layout.tile_side();
  const double middle = (sideways ? layout.y(from) : layout.x(from)) + side / 2.0;
  const double edge = sideways ? layout.x(from) : layout.y(from);
  const double start = forward ? edge + side + 2 : edge - 2;
  const double step = forward ? 1.0 : -1.0;
  const double end = start + step * (link_room - 4);
  const double neck = end - step * 6;
  const double lane = (sideways ? 1.0 : -1.0) * step;
  const double near = middle + lane * 1.5;
  const double far = middle + lane * 7.5;
  const double tip = (near + far) / 2;
  const auto at = [&](double along, double across) {
    return sideways ? fmt::format("{},{}", along, across) : fmt::format("{},{}", across, along);
  };
  return fmt::format("M{} L{} L{} L{} L{} Z", at(start, near), at(neck, near), at(end, tip),
                     at(neck, far), at(start, far));
}

std::string draw_links(const Layout& layout, const Topology& topology, const ChipResult& chip,
                       const Scale& scale) {
  std::string text;
  for (std::size_t i = 0; i < topology.links().size(); ++i) {
    const Link& link = topology.links()[i];
    const LinkLoad& load = chip.links[i];
    text += fmt::format(
        "<path class=\"l l{}\" d=\"{}\"><title>link {} to {}: busy {:.3g} %, stalled {:.3g} %, {} "
        "flits, {} packets "
        "at once</title></path>\n",
        scale.shade(load.busy), arrow(layout, link.from, link.to, link.closes),
        topology.router_name(link.from), topology.router_name(link.to), scale.percent(load.busy),
        scale.percent(load.stalled), load.flits, load.max_queue);
  }
  return text;
}

/// By core: the layers of its slices; empty where it has none.
std::vector<std::string> layers_by_core(const PreparedRun& prepared, const ChipResult& chip) {
  std::vector<std::string> names(chip.cores.size());
  for (const LayerSlice& slice : chip.mapping.slices) {
    const LayerId lead = prepared.populations[slice.population].lead;
    names[slice.core.index] = prepared.network.network().layer(lead).name;
  }
  return names;
}

Picoseconds busiest(const UnitTimes& core) {
  return std::max({core.neuron_unit, core.synapse_unit, core.encoder_unit});
}

std::string draw_cores(const Layout& layout, const PreparedRun& prepared, const ChipResult& result,
                       const Scale& scale) {
  const Chip& chip = prepared.chip->chip;
  const std::vector<std::string> layers = layers_by_core(prepared, result);
  std::string text;
  std::uint32_t place = 0;  // in its tile
  for (std::uint32_t i = 0; i < chip.cores().size(); ++i) {
    const Core& core = chip.cores()[i];
    place = i > 0 && chip.cores()[i - 1].tile == core.tile ? place + 1 : 0;
    const UnitTimes& busy = result.cores[i];
    const UnitTimes& stalled = result.stalled[i];
    const auto unit = [&](std::string_view name, Picoseconds UnitTimes::*time) {
      return fmt::format("{} unit {:.3g} %, stalled {:.3g} %", name, scale.percent(busy.*time),
                         scale.percent(stalled.*time));
    };
    text += fmt::format(
        "<rect class=\"c c{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"><title>core {} ({}), "
        "tile {}: {}; {}; {}{}</title></rect>\n",
        scale.shade(busiest(busy)),
        layout.x(core.tile) + tile_border + place % layout.across * (core_side + core_gap),
        layout.y(core.tile) + tile_border + place / layout.across * (core_side + core_gap),
        core_side, core_side, i, escaped(chip.kind_of({i}).name),
        chip.topology().router_name(core.tile), layers[i].empty() ? "unused" : escaped(layers[i]),
        unit("neuron", &UnitTimes::neuron_unit), unit("synapse", &UnitTimes::synapse_unit),
        chip.kind_of({i}).encoder_unit ? "; " + unit("encoder", &UnitTimes::encoder_unit) : "");
  }
  return text;
}

}  // namespace

bool has_heatmap(const Chip& chip) { return grid_of(chip) != nullptr; }

std::string heatmap_svg(const PreparedRun& prepared, const RunResult& result) {
  const Chip& chip = prepared.chip->chip;
  const ChipResult& of = *result.chip;
  const Layout layout = layout_of(chip, *grid_of(chip));
  Picoseconds whole;
  for (const Picoseconds latency : of.latencies) whole += latency;
  Picoseconds core_most;
  for (const UnitTimes& core : of.cores) {
    core_most = std::max(core_most, busiest(core));
  }
  Picoseconds link_most;
  for (const LinkLoad& link : of.links) link_most = std::max(link_most, link.busy);
  const Scale cores(core_most, whole);
  const Scale links(link_most, whole);

  const std::string title = fmt::format("{} on {}: {}", prepared.scenario.name, chip.spec().name,
                                        to_string(chip.spec().topology));
  const auto title_width = static_cast<std::uint32_t>(title.size()) * title_letter;
  std::string text = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} "
      "{1}\">\n{2}<rect class=\"paper\" width=\"{0}\" height=\"{1}\"/>\n",
      margin + std::max({layout.right(), margin + title_width, least_width}),
      margin + layout.bottom(), style);
  text +=
      fmt::format("<text class=\"title\" x=\"{}\" y=\"28\">{}</text>\n", margin, escaped(title));
  text += legend_row(44, 'c', "core: its busier unit, of the time", cores.most_percent());
  text += legend_row(84, 'l', "link: kept by packets, of the time", links.most_percent());
  text += axes(layout);
  for (std::uint32_t tile = 0; tile < chip.topology().tiles(); ++tile) {
    text += fmt::format(
        "<rect class=\"tile\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"3\"/>\n",
        layout.x(tile), layout.y(tile), layout.tile_side(), layout.tile_side());
  }
  text += draw_links(layout, chip.topology(), of, links);
  text += draw_cores(layout, prepared, of, cores);
  return text + "</svg>\n";
}

}  // namespace nj
