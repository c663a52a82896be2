#include <algorithm>

#include <fmt/format.h>

#include "neurojoule/app/report.hpp"

#include "heatmap_layout.hpp"
#include "layers_on.hpp"
#include "xml_text.hpp"

namespace nj {
namespace {

/// Lengths in pixels.
constexpr double head = 126;  ///< title and legend
constexpr std::uint32_t map_margin = 20;
constexpr double least_width = 500;
constexpr std::uint32_t title_letter = 9;

constexpr std::uint32_t shades = 8;

/// Shade 0 is for nothing done at all. In dark surroundings, more is brighter.
constexpr std::string_view map_style = R"(<style>
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

/// Of pictures where links may pass below routers, and of what grids lack.
constexpr std::string_view more_style = R"(<style>
.router { fill: #afb8c1; } .panel { stroke: #d0d7de; } .gateway { stroke-width: 3; }
.panel, .tile { fill: #ffffff; }
@media (prefers-color-scheme: dark) {
.router { fill: #656c76; } .panel { stroke: #3d444d; }
.panel, .tile { fill: #0d1117; }
}
</style>
)";

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

std::string legend_row(std::uint32_t y, char kind, std::string_view what, double most) {
  std::string text = fmt::format("<text x=\"{}\" y=\"{}\">{}</text>\n", map_margin, y + 12, what);
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

std::string draw_labels(const HeatmapLayout& layout) {
  std::string text;
  for (const Label& label : layout.labels) {
    text += fmt::format("<text class=\"small\" x=\"{}\" y=\"{}\" text-anchor=\"{}\">{}</text>\n",
                        pixels(label.x), pixels(label.y), label.anchor, label.text);
  }
  return text;
}

/// A rectangle of a class, without its end.
std::string rectangle(std::string_view name, const Box& box) {
  return fmt::format(R"(<rect class="{}" x="{}" y="{}" width="{}" height="{}")", name,
                     pixels(box.x), pixels(box.y), pixels(box.width), pixels(box.height));
}

std::string draw_panels(const HeatmapLayout& layout) {
  std::string text;
  for (std::size_t chip = 0; chip < layout.panels.size(); ++chip) {
    const Box& panel = layout.panels[chip];
    text += rectangle("panel", panel) + " rx=\"6\"/>\n";
    text += fmt::format("<text x=\"{}\" y=\"{}\">chip {}</text>\n", pixels(panel.x + 14),
                        pixels(panel.y + 18), chip);
  }
  return text;
}

/// Tiles, and routers without one.
std::string draw_routers(const HeatmapLayout& layout, const Topology& topology) {
  std::string text;
  for (std::uint32_t tile = 0; tile < topology.tiles(); ++tile) {
    text +=
        rectangle(layout.is_gateway(tile) ? "tile gateway" : "tile", layout.routers[tile].front()) +
        " rx=\"3\"/>\n";
  }
  for (std::uint32_t router = topology.tiles(); router < topology.routers(); ++router) {
    text += fmt::format("<g><title>{}</title>\n", escaped(topology.router_name(router)));
    for (const Box& bar : layout.routers[router]) {
      text += rectangle("router", bar) +
              fmt::format(" rx=\"{}\"/>\n", pixels(std::min(bar.width, bar.height) / 2));
    }
    text += "</g>\n";
  }
  return text;
}

/// Those between chips, or all others.
std::string draw_links(const HeatmapLayout& layout, const Topology& topology,
                       const ChipResult& chip, const Scale& scale, bool between) {
  std::string text;
  for (std::size_t i = 0; i < topology.links().size(); ++i) {
    const Link& link = topology.links()[i];
    if ((link.direction == Direction::between_chips) != between) continue;
    const LinkLoad& load = chip.links[i];
    text += fmt::format(
        "<path class=\"l l{}\" d=\"{}\"><title>link {} to {}: busy {:.3g} %, stalled {:.3g} %, {} "
        "flits, {} packets at once</title></path>\n",
        scale.shade(load.busy), layout.arrow(link), escaped(topology.router_name(link.from)),
        escaped(topology.router_name(link.to)), scale.percent(load.busy),
        scale.percent(load.stalled), load.flits, load.max_queue);
  }
  return text;
}

/// By core: the layers of its slices; empty where it has none.
std::vector<std::string> layers_by_core(const PreparedRun& prepared, const ChipResult& chip) {
  std::vector<std::string> names(chip.cores.size());
  for (const UsedCore& used : used_cores(chip.mapping)) {
    names[used.core.index] = layers_on(prepared, chip.mapping, used);
  }
  return names;
}

Picoseconds busiest(const UnitTimes& core) {
  return std::max({core.neuron_unit, core.synapse_unit, core.encoder_unit});
}

std::string draw_cores(const HeatmapLayout& layout, const PreparedRun& prepared,
                       const ChipResult& result, const Scale& scale) {
  const Chip& chip = prepared.chip->chip;
  const std::vector<std::string> layers = layers_by_core(prepared, result);
  std::string text;
  std::uint32_t place = 0;  // in its tile
  for (std::uint32_t i = 0; i < chip.cores().size(); ++i) {
    const Core& core = chip.cores()[i];
    place = i > 0 && chip.cores()[i - 1].tile == core.tile ? place + 1 : 0;
    const UnitTimes& busy = result.cores[i];
    const UnitTimes& stalled = result.stalled[i];
    const std::string& name = chip.topology().router_name(core.tile);
    const auto unit = [&](std::string_view unit_name, Picoseconds UnitTimes::*time) {
      return fmt::format("{} unit {:.3g} %, stalled {:.3g} %", unit_name, scale.percent(busy.*time),
                         scale.percent(stalled.*time));
    };
    text +=
        rectangle(fmt::format("c c{}", scale.shade(busiest(busy))), layout.core(core.tile, place)) +
        fmt::format(
            "><title>core {} ({}), {}{}: {}; {}; {}{}</title></rect>\n", i,
            escaped(chip.kind_of({i}).name), name.starts_with("tile ") ? "" : "tile ",
            escaped(name), layers[i].empty() ? "unused" : escaped(layers[i]),
            unit("neuron", &UnitTimes::neuron_unit), unit("synapse", &UnitTimes::synapse_unit),
            chip.kind_of({i}).encoder_unit ? "; " + unit("encoder", &UnitTimes::encoder_unit) : "");
  }
  return text;
}

}  // namespace

bool has_heatmap(const Chip& chip) { return !chip.spec().array; }

std::string heatmap_svg(const PreparedRun& prepared, const RunResult& result) {
  const Chip& chip = prepared.chip->chip;
  const ChipResult& of = *result.chip;
  const HeatmapLayout layout = heatmap_layout(chip, map_margin, head);
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
  const double title_width = static_cast<double>(title.size()) * title_letter;
  std::string text = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} "
      "{1}\">\n{2}{3}<rect class=\"paper\" width=\"{0}\" height=\"{1}\"/>\n",
      pixels(map_margin +
             std::max({map_margin + layout.size.width, map_margin + title_width, least_width})),
      pixels(map_margin + head + layout.size.height), map_style, layout.is_grid ? "" : more_style);
  text += fmt::format("<text class=\"title\" x=\"{}\" y=\"28\">{}</text>\n", map_margin,
                      escaped(title));
  text += legend_row(44, 'c', "core: its busier unit, of the time", cores.most_percent());
  text += legend_row(84, 'l', "link: kept by packets, of the time", links.most_percent());
  // Links lie below what they pass over. In a grid they pass over nothing.
  text += draw_links(layout, chip.topology(), of, links, true);
  text += draw_panels(layout);
  text += draw_labels(layout);
  const std::string arrows = draw_links(layout, chip.topology(), of, links, false);
  const std::string routers = draw_routers(layout, chip.topology());
  text += layout.is_grid ? routers + arrows : arrows + routers;
  text += draw_cores(layout, prepared, of, cores);
  return text + "</svg>\n";
}

}  // namespace nj
