#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "neurojoule/app/report.hpp"

#include "axis_ticks.hpp"
#include "csv_field.hpp"
#include "xml_text.hpp"

namespace nj {
namespace {

constexpr double width = 640;
constexpr double height = 400;
constexpr double left = 74;
constexpr double right = 470;  ///< labels are behind it
constexpr double top = 56;
constexpr double bottom = 350;
constexpr double least_rate = 0.1;  ///< that the picture shows
constexpr double label_height = 13;

constexpr std::string_view style = R"(<style>
svg { font: 12px system-ui, sans-serif; background: #ffffff; }
text { fill: #24292f; } .small { font-size: 10px; fill: #57606a; }
.title { font-size: 15px; font-weight: 600; }
.paper { fill: #ffffff; } .grid { stroke: #d0d7de; stroke-width: 0.5; }
path, line { fill: none; } .spikes { stroke: #0969da; stroke-width: 2; }
.dot { fill: #0969da; } .half { stroke-dasharray: 5 3; }
.n0 { stroke: #bc4c00; } .n1 { stroke: #8250df; } .n2 { stroke: #57606a; }
@media (prefers-color-scheme: dark) {
svg { background: #0d1117; } .paper { fill: #0d1117; }
text { fill: #e6edf3; } .small { fill: #9198a1; } .grid { stroke: #30363d; }
.spikes { stroke: #4493f8; } .dot { fill: #4493f8; }
.n0 { stroke: #f0883e; } .n1 { stroke: #bc8cff; } .n2 { stroke: #9198a1; }
}
</style>
)";

std::string percent(double part) { return fmt::format("{:.3g} %", 100 * part); }

std::string title_of(const AnnBaseline& network) {
  return fmt::format("{}{}", network.name, network.density < 1 ? ", half zeros" : "");
}

std::string break_even_text(double rate) {
  if (rate <= 0) return "spikes never cost less";
  if (rate >= 1) return "spikes always cost less";
  return fmt::format("spikes cost less below {}", percent(rate));
}

/// Axes: firing rates linear, energies logarithmic; what costs less than the least is at the
/// bottom.
class Axes {
 public:
  Axes(double most_rate, double least_pj, double most_pj)
      : most_rate_(most_rate), low_(std::log10(least_pj)), high_(std::log10(most_pj)) {}
  [[nodiscard]] double x(double rate) const { return left + (right - left) * rate / most_rate_; }
  [[nodiscard]] double y(Picojoules energy) const {
    const double power = std::max(std::log10(energy.value()), low_);
    return bottom - (bottom - top) * (power - low_) / (high_ - low_);
  }
  [[nodiscard]] std::string grid() const {
    std::string text;
    for (auto power = static_cast<int>(std::floor(low_)); power <= high_; ++power) {
      for (const double digit : {1.0, 2.0, 5.0}) {
        const Picojoules energy{digit * std::pow(10.0, power)};
        if (std::log10(energy.value()) < low_ || std::log10(energy.value()) > high_) continue;
        text += fmt::format(
            "<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>\n"
            "<text class=\"small\" x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n",
            left, right, y(energy), y(energy), left - 6, y(energy) + 3, to_string(energy));
      }
    }
    for (const double rate : axis_ticks(0, most_rate_)) {
      text += fmt::format(
          "<line class=\"grid\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" y2=\"{2}\"/>\n"
          "<text class=\"small\" x=\"{0:.1f}\" y=\"{3}\" text-anchor=\"middle\">{4:.0f} %</text>\n",
          x(rate), top, bottom, bottom + 16, 100 * rate);
    }
    return text + fmt::format(
                      "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">firing rate of all "
                      "neurons</text>\n",
                      (left + right) / 2, bottom + 36);
  }

 private:
  double most_rate_;
  double low_;
  double high_;
};

/// Where labels are written, none over another: their wished places, moved apart.
std::vector<double> apart(std::vector<double> places) {
  std::vector<std::size_t> order(places.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return places[a] < places[b]; });
  for (std::size_t i = 1; i < order.size(); ++i) {
    places[order[i]] = std::max(places[order[i]], places[order[i - 1]] + label_height);
  }
  return places;
}

double shown_rate(const Baselines& baselines) {
  double most = std::max(least_rate, 1.5 * baselines.measured_rate);
  for (const AnnBaseline& network : baselines.networks) {
    if (network.break_even < 1) most = std::max(most, 1.2 * network.break_even);
  }
  return std::min(1.0, std::ceil(most * 20) / 20);
}

Axes axes_of(const Baselines& baselines, double most_rate) {
  std::vector<double> costs;
  for (const Baselines::Point& point : baselines.spiking) {
    if (point.rate <= most_rate) costs.push_back(point.cost.total.value());
  }
  for (const AnnBaseline& network : baselines.networks) {
    costs.push_back(network.cost.total.value());
  }
  std::erase(costs, 0.0);  // under prices of 0
  if (costs.empty()) costs.push_back(1);
  const auto [least, most] = std::minmax_element(costs.begin(), costs.end());
  return {most_rate, *least / 1.2, *most * 1.2};
}

std::string spiking_curve(const Baselines& baselines, const Axes& axes, double most_rate) {
  std::string path;
  for (std::size_t i = 0; i < baselines.spiking.size(); ++i) {
    const Baselines::Point& point = baselines.spiking[i];
    double rate = point.rate;
    double energy = point.cost.total.value();
    if (rate > most_rate) {  // to the edge of the picture
      const Baselines::Point& before = baselines.spiking[i - 1];
      const double part = (most_rate - before.rate) / (point.rate - before.rate);
      energy = before.cost.total.value() + part * (energy - before.cost.total.value());
      rate = most_rate;
    }
    path += fmt::format("{}{:.1f},{:.1f}", i == 0 ? "M" : " L", axes.x(rate),
                        axes.y(Picojoules{energy}));
    if (point.rate >= most_rate) break;
  }
  return fmt::format("<path class=\"spikes\" d=\"{}\"/>\n", path);
}

std::string ann_lines(const Baselines& baselines, const Axes& axes) {
  std::vector<double> places;
  for (const AnnBaseline& network : baselines.networks) {
    places.push_back(axes.y(network.cost.total) + 4);
  }
  places = apart(places);
  std::string text;
  for (std::size_t i = 0; i < baselines.networks.size(); ++i) {
    const AnnBaseline& network = baselines.networks[i];
    const int colour = network.name == "float32" ? 2 : network.name == "int8" ? 1 : 0;
    text += fmt::format(
        "<line class=\"n{}{}\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"><title>{}: {}; "
        "{}</title></line>\n<text class=\"small\" x=\"{}\" y=\"{:.1f}\">{} {}</text>\n",
        colour, network.density < 1 ? " half" : "", left, right, axes.y(network.cost.total),
        axes.y(network.cost.total), title_of(network), to_string(network.cost.total),
        break_even_text(network.break_even), right + 6, places[i], title_of(network),
        to_string(network.cost.total));
  }
  return text;
}

}  // namespace

std::string baselines_csv(const PreparedRun& prepared, const RunResult& result) {
  const Baselines& baselines = *result.chip->baselines;
  std::string text = "layer,design,density,energy_pj,break_even_rate\n";
  const auto add = [&](const std::string& design, double density, const DesignCost& cost,
                       const AnnBaseline* network) {
    const auto row = [&](const std::string& layer, Picojoules energy, double break_even) {
      text += fmt::format("{},{},{},{},{}\n", layer, design, density, energy.value(),
                          network == nullptr ? "" : fmt::format("{}", break_even));
    };
    row("", cost.total, network == nullptr ? 0 : network->break_even);
    for (std::size_t p = 0; p < cost.populations.size(); ++p) {
      const LayerId lead = prepared.populations[p].lead;
      row(csv_field(prepared.network.network().layer(lead).name), cost.populations[p],
          network == nullptr ? 0 : network->populations[p]);
    }
  };
  for (const Baselines::Point& point : baselines.spiking) {
    add("spiking", point.rate, point.cost, nullptr);
  }
  for (const AnnBaseline& network : baselines.networks) {
    add(network.name, network.density, network.cost, &network);
  }
  return text;
}

std::string baselines_svg(const PreparedRun& prepared, const RunResult& result) {
  const Baselines& baselines = *result.chip->baselines;
  const double most_rate = shown_rate(baselines);
  const Axes axes = axes_of(baselines, most_rate);
  std::string text = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} "
      "{1}\">\n",
      width, height);
  text += style;
  text += fmt::format("<rect class=\"paper\" width=\"{}\" height=\"{}\"/>\n", width, height);
  text += fmt::format(
      "<text class=\"title\" x=\"20\" y=\"24\">{} on {}, prices {}</text>\n"
      "<text class=\"small\" x=\"20\" y=\"42\">Energy of one inference as spikes (T = {}) and as "
      "an "
      "artificial network on the same chip</text>\n",
      escaped(prepared.scenario.name), escaped(prepared.chip->chip.spec().name),
      escaped(result.chip->ledger.table), result.activity.timesteps);
  text += axes.grid();
  text += ann_lines(baselines, axes);
  text += spiking_curve(baselines, axes, most_rate);
  if (baselines.measured_rate <= most_rate) {
    const Picojoules energy = energy_per_inference(*result.chip);
    text += fmt::format(
        "<circle class=\"dot\" cx=\"{0:.1f}\" cy=\"{1:.1f}\" r=\"4\"><title>this run: firing rate "
        "{2}, {3}</title></circle>\n<text class=\"small\" x=\"{4:.1f}\" y=\"{5:.1f}\">this "
        "run</text>\n",
        axes.x(baselines.measured_rate), axes.y(energy), percent(baselines.measured_rate),
        to_string(energy), axes.x(baselines.measured_rate) + 7, axes.y(energy) + 12);
  }
  return text + "</svg>\n";
}

std::string baseline_lines(const RunResult& result) {
  const Baselines& baselines = *result.chip->baselines;
  std::string text = fmt::format(
      "baselines  the same layers as artificial networks on this chip; firing rate here {}\n",
      percent(baselines.measured_rate));
  for (const AnnBaseline& network : baselines.networks) {
    text += fmt::format("           {:<20} {:>8}  {}\n", title_of(network),
                        to_string(network.cost.total), break_even_text(network.break_even));
  }
  for (const std::string& why : baselines.absent) {
    text += fmt::format("           {}\n", why);
  }
  return text;
}

}  // namespace nj
