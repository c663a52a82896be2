#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "neurojoule/app/search.hpp"
#include "neurojoule/models/quantize.hpp"

#include "axis_ticks.hpp"
#include "xml_text.hpp"

namespace nj {
namespace {

constexpr double panel_width = 420;
constexpr double panel_height = 300;
constexpr double panel_left = 64;
constexpr double panel_top = 56;
constexpr double gap = 96;

constexpr std::string_view front_style = R"(<style>
text { font: 12px sans-serif; fill: #1f2328; } .small { font-size: 11px; fill: #57606a; }
.title { font-size: 15px; font-weight: 600; } .paper { fill: #ffffff; }
.axis { stroke: #8c959f; stroke-width: 1; } .grid { stroke: #d0d7de; stroke-width: 1; }
.front { fill: #0969da; } .line { fill: none; stroke: #0969da; stroke-width: 1.5; }
.rounded { fill: none; stroke: #bc4c00; stroke-width: 1.5; } .calibrated { fill: #fb8f44; }
.spikehq { fill: none; stroke: #8250df; stroke-width: 2; } .cell { stroke: #ffffff; }
.dark { fill: #1f2328; font-size: 10px; }
@media (prefers-color-scheme: dark) {
svg { background: #0d1117; } .paper { fill: #0d1117; }
text { fill: #e6edf3; } .small { fill: #9198a1; } .axis { stroke: #7d8590; }
.grid { stroke: #30363d; } .front { fill: #4493f8; } .line { stroke: #4493f8; }
.rounded { stroke: #db6d28; } .calibrated { fill: #f0a35e; } .spikehq { stroke: #ab7df8; }
.cell { stroke: #0d1117; } .dark { fill: #1f2328; }
}
</style>
)";

std::string opening(double width, double height) {
  return fmt::format(
             "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
             "viewBox=\"0 0 {0:.0f} {1:.0f}\">\n",
             width, height) +
         std::string(front_style) +
         fmt::format("<rect class=\"paper\" width=\"{:.0f}\" height=\"{:.0f}\"/>\n", width, height);
}

/// Effective bits of SpikeHQ, each at most one point of accuracy below its float32 network.
/// Source: Xu et al., arXiv 2412.05505: CIFAR10-DVS, and DVS-Gesture.
constexpr std::array spikehq_bits{3.14, 3.67};
constexpr double spikehq_drop = 0.01;

struct Mark {
  double drop = 0;
  double value = 0;
  std::string_view kind;
  std::string label;
};

/// Where labels stand; one that would cover another is left to the tooltip.
class LabelRoom {
 public:
  bool take(double x, double y, std::size_t letters) {
    const double half = 3.2 * static_cast<double>(letters);
    const bool covered = std::any_of(taken_.begin(), taken_.end(), [&](const Box& box) {
      return std::abs(box.x - x) < box.half + half && std::abs(box.y - y) < 11;
    });
    if (!covered) taken_.push_back({x, y, half});
    return !covered;
  }

 private:
  struct Box {
    double x;
    double y;
    double half;
  };
  std::vector<Box> taken_;
};

/// Accuracy drop to the right, a cost upwards.
std::string panel(double x0, const std::string& title, const std::vector<Mark>& marks,
                  double most_drop) {
  double most = 0;
  for (const Mark& mark : marks) {
    if (mark.drop <= most_drop) most = std::max(most, mark.value);
  }
  most = most > 0 ? most * 1.08 : 1;  // all is free, or nothing is shown
  double least_drop = 0;
  for (const Mark& mark : marks) least_drop = std::min(least_drop, mark.drop);
  const auto x = [&](double drop) {
    return x0 + (drop - least_drop) / (most_drop - least_drop) * panel_width;
  };
  const auto y = [&](double value) { return panel_top + panel_height * (1 - value / most); };
  std::string text = fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", x0, panel_top - 10,
                                 escaped(title));
  for (const double value : axis_ticks(0, most)) {
    text += fmt::format(
        "<line class=\"grid\" x1=\"{0:.1f}\" x2=\"{1:.1f}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\"/>\n"
        "<text class=\"small\" x=\"{3:.1f}\" y=\"{4:.1f}\" text-anchor=\"end\">{5:g}</text>\n",
        x0, x0 + panel_width, y(value), x0 - 6, y(value) + 4, value);
  }
  for (const double drop : axis_ticks(least_drop, most_drop)) {
    text += fmt::format(
        "<line class=\"grid\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.1f}\" y2=\"{2:.1f}\"/>\n"
        "<text class=\"small\" x=\"{0:.1f}\" y=\"{3:.1f}\" text-anchor=\"middle\">{4:g}</text>\n",
        x(drop), panel_top, panel_top + panel_height, panel_top + panel_height + 16,
        std::round(1000 * drop) / 10 + 0.0);
  }
  text += fmt::format(
      "<text class=\"small\" x=\"{:.1f}\" y=\"{:.1f}\">accuracy drop on the test "
      "samples, points</text>\n",
      x0, panel_top + panel_height + 34);
  std::string line;
  LabelRoom room;
  for (const Mark& mark : marks) {
    if (mark.drop > most_drop) continue;
    if (mark.kind == "front") {
      line += fmt::format("{:.1f},{:.1f} ", x(mark.drop), y(mark.value));
    }
    text += fmt::format(
        "<circle class=\"{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\"><title>{}</title></circle>\n",
        mark.kind, x(mark.drop), y(mark.value), mark.kind == "front" ? 3.5 : 5,
        escaped(mark.label));
    const bool named = mark.kind == "calibrated" || mark.kind == "spikehq";
    if (named && room.take(x(mark.drop), y(mark.value) - 9, mark.label.size())) {
      text += fmt::format(
          "<text class=\"small\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n",
          x(mark.drop), y(mark.value) - 9, escaped(mark.label));
    }
  }
  return text + fmt::format("<polyline class=\"line\" points=\"{}\"/>\n", line);
}

std::vector<Mark> marks_of(const SearchResult& result, double (*value)(const SearchPoint& point)) {
  std::vector<Mark> marks;
  const double reference = result.reference.test_accuracy();
  for (const SearchPoint& point : result.front) {
    marks.push_back({reference - point.test_accuracy(), value(point), "front",
                     fmt::format("point {}: {:.2f} bits", point.name, point.effective_bits)});
  }
  for (const SearchPoint& point : result.baselines) {
    const std::string format = point.name.substr(0, point.name.find(' '));
    marks.push_back({reference - point.test_accuracy(), value(point),
                     point.name.ends_with("rounded") ? "rounded" : "calibrated", format});
  }
  return marks;
}

std::string legend(double x, bool paper) {
  std::string text;
  const auto entry = [&](std::string_view kind, std::string_view words) {
    text += fmt::format(
        "<circle class=\"{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"5\"/>\n<text class=\"small\" "
        "x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n",
        kind, x, panel_top + panel_height + 54, x + 10, panel_top + panel_height + 58, words);
    x += 30 + 6.4 * static_cast<double>(words.size());
  };
  entry("front", "front of the search");
  entry("calibrated", "all layers alike, calibrated");
  entry("rounded", "all layers alike, rounded");
  if (paper) entry("spikehq", "SpikeHQ (with training), at most 1 point");
  return text;
}

/// A colour from few bits (light) to eight and more.
std::string colour_of(const NumberFormat& format) {
  const double share = std::min(1.0, (format.bits - 1) / 7.0);
  const auto mix = [&](int light, int dark) {
    return static_cast<int>(std::lround(light + (dark - light) * share));
  };
  const bool uniform = format.scheme == Scheme::uniform;
  return uniform ? fmt::format("rgb({},{},{})", mix(221, 84), mix(244, 174), mix(255, 255))
                 : fmt::format("rgb({},{},{})", mix(255, 251), mix(241, 143), mix(229, 68));
}

std::string short_name(const NumberFormat& format) {
  std::string text;
  switch (format.scheme) {
    case Scheme::uniform:
      text = fmt::format("u{}", format.bits);
      break;
    case Scheme::power_of_two:
      text = fmt::format("p{}", format.bits);
      break;
    case Scheme::additive_power_of_two:
      text = fmt::format("a{}", format.bits);
      break;
    case Scheme::ternary:
      text = "t";
      break;
    case Scheme::binary:
      text = "b";
      break;
    case Scheme::float32:
      text = "f";
      break;
  }
  return format.zero_point ? text + "z" : text;
}

/// The drop at the right edge: points that lose much more than others are left out.
double most_drop_shown(const SearchResult& result) {
  double most = 0.02;
  double least = 1;
  for (const SearchPoint& point : result.front) {
    const double drop = result.reference.test_accuracy() - point.test_accuracy();
    most = std::max(most, drop);
    least = std::min(least, drop);
  }
  return std::min(1.05 * most, std::max(0.06, 1.05 * least));
}

}  // namespace

std::string front_svg(const SearchResult& result, const SearchScenario& search) {
  const double most_drop = most_drop_shown(result);
  std::vector<Mark> bits =
      marks_of(result, [](const SearchPoint& point) { return point.effective_bits; });
  for (const double value : spikehq_bits) {
    bits.push_back({spikehq_drop, value, "spikehq", fmt::format("{} bits", value)});
  }
  const bool energies = std::any_of(result.front.begin(), result.front.end(),
                                    [](const SearchPoint& point) { return point.energy; });
  const double width = panel_left + panel_width + (energies ? gap + panel_width : 0.0) + 110;
  std::string text = opening(std::max(width, 760.0), panel_top + panel_height + 76);
  text += fmt::format("<text class=\"title\" x=\"{}\" y=\"24\">{}</text>\n", panel_left,
                      escaped(search.scenario.name));
  text += panel(panel_left, "effective bits per weight", bits, most_drop);
  if (energies) {
    std::vector<Mark> marks = marks_of(result, [](const SearchPoint& point) {
      return point.energy ? point.energy->value() * 1e-6 : 0.0;
    });
    text += panel(panel_left + panel_width + gap, "energy of one inference on the chip, uJ", marks,
                  most_drop);
  }
  return text + legend(panel_left, true) + "</svg>\n";
}

namespace {

constexpr double cell_width = 34;
constexpr double cell_height = 20;

std::string cell(double x, double y, const std::string& colour, const std::string& title,
                 const std::string& name) {
  return fmt::format(
      "<rect class=\"cell\" x=\"{0:.1f}\" y=\"{1:.1f}\" width=\"{2}\" height=\"{3}\" "
      "style=\"fill: {4}\"><title>{5}</title></rect>\n<text class=\"dark\" x=\"{6:.1f}\" "
      "y=\"{7:.1f}\" text-anchor=\"middle\">{8}</text>\n",
      x, y, cell_width, cell_height, colour, title, x + cell_width / 2, y + 14, name);
}

}  // namespace

std::string layer_bits_svg(const SearchResult& result, const SearchScenario& search) {
  constexpr double names = 210;
  constexpr double labels = 150;
  std::vector<std::string> rows = result.layers;
  for (const SharedWord word : result.words) rows.emplace_back(to_string(word));
  const auto y_of = [](std::size_t row) { return labels + static_cast<double>(row) * cell_height; };
  const auto columns = static_cast<double>(result.front.size());
  std::string text = opening(names + columns * cell_width + 50, y_of(rows.size()) + 20);
  text += fmt::format("<text class=\"title\" x=\"16\" y=\"24\">{}: formats by layer</text>\n",
                      escaped(search.scenario.name));
  text +=
      "<text class=\"small\" x=\"16\" y=\"44\">u uniform, p power of two, a additive, t "
      "ternary, b binary; z zero point</text>\n";
  for (std::size_t c = 0; c < result.front.size(); ++c) {
    const SearchPoint& point = result.front[c];
    const double x = names + static_cast<double>(c) * cell_width;
    text += fmt::format(
        "<text class=\"small\" transform=\"translate({:.1f},{:.1f}) rotate(-60)\">{:.2f} bits, "
        "{:.1f} %</text>\n",
        x + 20, labels - 8, point.effective_bits, 100 * point.test_accuracy());
    for (std::size_t r = 0; r < point.formats.size(); ++r) {
      text += cell(x, y_of(r), colour_of(point.formats[r]), to_string(point.formats[r]),
                   short_name(point.formats[r]));
    }
    for (std::size_t w = 0; w < result.words.size(); ++w) {
      text +=
          cell(x, y_of(point.formats.size() + w), "rgb(232,236,240)",
               word_text(point.words, result.words[w]), short_text(point.words, result.words[w]));
    }
  }
  for (std::size_t r = 0; r < rows.size(); ++r) {
    text += fmt::format(
        "<text class=\"small\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n",
        names - 8, y_of(r) + 14, escaped(rows[r]));
  }
  return text + "</svg>\n";
}

}  // namespace nj
