#include <algorithm>
#include <string_view>
#include <variant>

#include <fmt/format.h>

#include "neurojoule/hardware/mapping.hpp"

namespace nj {
namespace {

/// Extends one width of one layer.
class Extender {
 public:
  Extender(const std::string& layer, std::vector<Violation>& violations)
      : layer_(layer), violations_(violations) {}

  void extend(std::uint32_t& bits, const std::optional<std::uint32_t>& path,
              std::string_view what) {
    if (!path) return;
    if (bits > *path) {
      violations_.push_back({layer_, fmt::format("datapath.{}", what), bits, *path,
                             fmt::format("layer \"{}\" needs {} bit of {}, the chip's datapath has "
                                         "{} bit",
                                         layer_, bits, what, *path)});
    }
    bits = std::max(bits, *path);
  }

 private:
  const std::string& layer_;
  std::vector<Violation>& violations_;
};

}  // namespace

DatapathWidths widths_on(const ChipSpec& chip, const Network& network,
                         std::span<const LayerWidths> widths) {
  DatapathWidths on{{widths.begin(), widths.end()}, {}};
  for (std::uint32_t i = 0; i < on.widths.size(); ++i) {
    const Operator& op = network.layer(LayerId{i}).op;
    Extender extender(network.layer(LayerId{i}).name, on.violations);
    LayerWidths& layer = on.widths[i];
    if (std::holds_alternative<Lif>(op)) {
      extender.extend(layer.membrane_bits, chip.datapath.membrane_bits, "membrane");
      continue;
    }
    if (has_weights(op)) {
      extender.extend(layer.weight_integer_bits, chip.datapath.weight_bits, "weight");
    }
    if (has_weights(op) || std::holds_alternative<ResidualAdd>(op) ||
        std::holds_alternative<SpikingSelfAttention>(op)) {
      extender.extend(layer.accumulator_bits, chip.datapath.accumulator_bits, "accumulator");
    }
  }
  return on;
}

}  // namespace nj
