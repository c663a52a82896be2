#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "neurojoule/app/report.hpp"

#include "xml_text.hpp"

namespace nj {
namespace {

constexpr double letter = 6.3;  ///< mean width of one in the labels
constexpr double bar_height = 16;
constexpr double pitch = 22;
constexpr double bars_top = 74;
constexpr double bars = 420;  ///< the longest one
constexpr double margin = 20;
constexpr double value_room = 130;  ///< behind the bars
constexpr double legend_columns = 4;
constexpr double legend_column = 118;

constexpr std::string_view bars_style = R"(<style>
svg { font: 12px system-ui, sans-serif; background: #ffffff; }
text { fill: #24292f; } .small { font-size: 10px; fill: #57606a; }
.title { font-size: 15px; font-weight: 600; } .paper { fill: #ffffff; }
.k0 { fill: #0969da; } .k1 { fill: #bc4c00; } .k2 { fill: #fb8f44; } .k3 { fill: #f5c78e; }
.k4 { fill: #8250df; } .k5 { fill: #1f883d; } .k6 { fill: #8c959f; } .k7 { fill: #57606a; }
@media (prefers-color-scheme: dark) {
svg { background: #0d1117; } .paper { fill: #0d1117; }
text { fill: #e6edf3; } .small { fill: #9198a1; }
.k0 { fill: #4493f8; } .k1 { fill: #db6d28; } .k2 { fill: #f0a35e; } .k3 { fill: #f7d9a8; }
.k4 { fill: #ab7df8; } .k5 { fill: #3fb950; } .k6 { fill: #7d8590; } .k7 { fill: #adbac7; }
}
</style>
)";

/// Words and bits of memories, on the chip and off it.
bool is_memory(Category category) {
  return category == Category::weight_memory || category == Category::state_memory ||
         category == Category::spike_buffers || category == Category::off_chip;
}

std::string legend(double y) {
  std::string text;
  for (std::size_t k = 0; k < all_categories.size(); ++k) {
    const double x = margin + legend_column * std::fmod(static_cast<double>(k), legend_columns);
    const double row = y + 15 * std::floor(static_cast<double>(k) / legend_columns);
    text += fmt::format(
        "<rect class=\"k{}\" x=\"{}\" y=\"{}\" width=\"10\" height=\"10\"/>\n<text class=\"small\" "
        "x=\"{}\" y=\"{}\">{}</text>\n",
        k, x, row, x + 15, row + 9, to_string(all_categories[k]));
  }
  return text;
}

std::string bar(const BatchRow& row, double x, double y, double pj_width) {
  std::string text;
  Picojoules memory;
  double at = x;
  for (std::size_t k = 0; k < all_categories.size(); ++k) {
    const auto part = row.categories.find(all_categories[k]);
    if (part == row.categories.end()) continue;
    const Picojoules energy = part->second;
    if (is_memory(all_categories[k])) memory += energy;
    const double width = energy.value() * pj_width;
    text += fmt::format(
        "<rect class=\"k{}\" x=\"{:.2f}\" y=\"{}\" width=\"{:.2f}\" height=\"{}\"><title>{}: "
        "{}</title></rect>\n",
        k, at, y, width, bar_height, to_string(all_categories[k]), to_string(energy));
    at += width;
  }
  const double total = row.energy->value();
  return text + fmt::format("<text class=\"small\" x=\"{:.1f}\" y=\"{}\">{}, {} % memory</text>\n",
                            at + 6, y + 12, to_string(*row.energy),
                            total > 0 ? fmt::format("{:.0f}", 100 * memory.value() / total) : "-");
}

}  // namespace

std::string batch_svg(const std::string& name, const std::vector<BatchRow>& rows) {
  double most = 0;
  std::size_t longest = 0;
  std::size_t count = 0;
  for (const BatchRow& row : rows) {
    if (!row.energy) continue;
    most = std::max(most, row.energy->value());
    longest = std::max(longest, row.description.size());
    ++count;
  }
  const double left = margin + letter * static_cast<double>(longest) + 8;
  const double width = std::max(left + bars + value_room, margin + legend_columns * legend_column);
  const double height = bars_top + pitch * static_cast<double>(count) + margin;
  std::string text = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
      "viewBox=\"0 0 {0:.0f} {1:.0f}\">\n",
      width, height);
  text += bars_style;
  text +=
      fmt::format("<rect class=\"paper\" width=\"{:.0f}\" height=\"{:.0f}\"/>\n", width, height);
  text +=
      fmt::format("<text class=\"title\" x=\"{}\" y=\"24\">{}: energy of one inference</text>\n",
                  margin, escaped(name));
  text += legend(36);
  double y = bars_top;
  for (const BatchRow& row : rows) {
    if (!row.energy) continue;
    text += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"end\">{}</text>\n", left - 8,
                        y + 12, escaped(row.description));
    text += bar(row, left, y, most == 0 ? 0 : bars / most);
    y += pitch;
  }
  return text + "</svg>\n";
}

}  // namespace nj
