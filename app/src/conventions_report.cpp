#include <algorithm>

#include <fmt/format.h>

#include "neurojoule/app/report.hpp"

#include "csv_field.hpp"
#include "short_count.hpp"

namespace nj {
namespace {

/// Makes LayerWork of one layer, per inference.
class WorkOfLayers {
 public:
  WorkOfLayers(const PreparedRun& prepared, const RunResult& result)
      : prepared_(prepared),
        network_(prepared.network.network()),
        activity_(result.activity),
        samples_(static_cast<double>(result.samples)),
        steps_(result.activity.timesteps) {}

  /// Nothing for layers that no convention counts.
  std::optional<LayerWork> operator()(LayerId id) const {
    const LayerSpec& layer = network_.layer(id);
    if (has_weights(layer.op)) return LayerWork{layer.name, weighted(id)};
    if (const auto* attention = std::get_if<SpikingSelfAttention>(&layer.op)) {
      return LayerWork{layer.name, attend(id, *attention)};
    }
    if (std::holds_alternative<Lif>(layer.op)) {
      const auto updates = static_cast<double>(total(id).neuron_updates);
      return LayerWork{layer.name, NeuronWork{updates / samples_}};
    }
    if (std::holds_alternative<MaxPool2d>(layer.op) ||
        std::holds_alternative<AveragePool2d>(layer.op)) {
      const LayerId from = source(id);
      return LayerWork{layer.name, PoolingWork{neurons(from) * steps_, rate(from), binary(from)}};
    }
    return std::nullopt;
  }

 private:
  [[nodiscard]] StepCounts total(LayerId id) const { return activity_.layers[id.index].total(); }
  [[nodiscard]] LayerId source(LayerId id, std::size_t operand = 0) const {
    return network_.operands(id)[operand].source;
  }
  [[nodiscard]] double neurons(LayerId id) const {
    return static_cast<double>(network_.output_shape(id).neurons());
  }
  [[nodiscard]] bool binary(LayerId id) const {
    return network_.max_output(id).has_value() && network_.is_binary(id);
  }
  /// Outputs that are not zero; 1 for what is no spikes.
  [[nodiscard]] double rate(LayerId id) const {
    if (!network_.max_output(id)) return 1.0;
    return static_cast<double>(total(id).spikes) / (neurons(id) * steps_ * samples_);
  }
  [[nodiscard]] WeightedWork weighted(LayerId id) const {
    const LayerId from = source(id);
    const auto dense = static_cast<double>(dense_operations(network_, id));
    const double bits = prepared_.network.weight_format(id).bits;
    const bool reads_input = std::holds_alternative<Input>(network_.layer(from).op);
    // A head works once, on means over time.
    if (std::holds_alternative<ClassifierHead>(network_.layer(id).op)) {
      return {dense, 1.0, false, reads_input, bits, head_extents(id)};
    }
    return {dense * steps_, rate(from), binary(from), reads_input, bits, extents(id)};
  }
  [[nodiscard]] LayerExtents head_extents(LayerId id) const {
    const WeightShape shape = *weight_shape(network_.layer(id).op);
    return {.fully_connected = true,
            .spiking = false,
            .inputs = static_cast<double>(shape.in),
            .in_channels = static_cast<double>(shape.in),
            .outputs = static_cast<double>(shape.out),
            .out_channels = static_cast<double>(shape.out),
            .weights = static_cast<double>(shape.elements()),
            .biases = static_cast<double>(shape.out)};
  }
  /// Of a Conv2d. On a map of one position it is fully connected.
  [[nodiscard]] LayerExtents extents(LayerId id) const {
    const auto& conv = std::get<Conv2d>(network_.layer(id).op);
    const LayerId from = source(id);
    const FeatureShape& in = network_.output_shape(from);
    const auto windows = [](std::uint32_t kernel, std::uint32_t stride) {
      const std::uint32_t touching = (kernel + stride - 1) / stride;
      return static_cast<double>(touching);
    };
    LayerExtents extents{.fully_connected = in.positions() == 1 && conv.kernel == Extent{1},
                         .timesteps = steps_,
                         .inputs = neurons(from),
                         .in_channels = static_cast<double>(in.channels),
                         .outputs = neurons(id),
                         .out_channels = static_cast<double>(conv.out_channels),
                         .kernel = static_cast<double>(conv.kernel.y) * conv.kernel.x,
                         .strided_kernel = windows(conv.kernel.y, conv.stride.y) *
                                           windows(conv.kernel.x, conv.stride.x),
                         .weights = static_cast<double>(weight_shape(conv)->elements()),
                         .biases = static_cast<double>(conv.out_channels)};
    if (sums_spikes(from)) {
      const auto values = static_cast<double>(total(from).spike_values);
      extents.spike_rate = values / (neurons(from) * steps_ * samples_);
    }
    const auto readers = network_.consumers(id);
    const auto* lif = readers.empty() ? nullptr : std::get_if<Lif>(&network_.layer(readers[0]).op);
    if (lif != nullptr) {
      extents.leaks = lif->tau != no_leak;
      extents.output_rate = rate(readers[0]);
    }
    return extents;
  }
  /// Spikes, or sums of nothing but spikes.
  [[nodiscard]] bool sums_spikes(LayerId id) const {
    if (!network_.max_output(id)) return false;
    if (!std::holds_alternative<ResidualAdd>(network_.layer(id).op)) return binary(id);
    const auto operands = network_.operands(id);
    return std::all_of(operands.begin(), operands.end(),
                       [&](const Operand& operand) { return sums_spikes(operand.source); });
  }
  [[nodiscard]] AttentionWork attend(LayerId id, const SpikingSelfAttention& attention) const {
    const FeatureShape& shape = network_.output_shape(id);
    return {.timesteps = steps_,
            .tokens = static_cast<double>(shape.positions()),
            .channels = static_cast<double>(shape.channels),
            .heads = static_cast<double>(attention.heads),
            .query_rate = rate(source(id, 0)),
            .key_rate = rate(source(id, 1)),
            .value_rate = rate(source(id, 2))};
  }

  const PreparedRun& prepared_;
  const Network& network_;
  const Activity& activity_;
  double samples_;
  double steps_;
};

}  // namespace

std::vector<LayerWork> layer_work(const PreparedRun& prepared, const RunResult& result) {
  const WorkOfLayers work_of(prepared, result);
  std::vector<LayerWork> layers;
  for (std::uint32_t i = 0; i < prepared.network.network().size(); ++i) {
    if (auto work = work_of({i})) layers.push_back(std::move(*work));
  }
  return layers;
}

std::string conventions_csv(const PreparedRun& prepared, const RunResult& result) {
  std::string text = "layer,convention,macs,acs,memory_accesses,energy_pj\n";
  for (const LayerWork& layer : layer_work(prepared, result)) {
    for (const Convention convention : all_conventions) {
      const ConventionCost costs = cost(convention, layer);
      text += fmt::format("{},{},{},{},{},{}\n", csv_field(layer.name), to_string(convention),
                          costs.macs, costs.acs, costs.memory_accesses, costs.energy().value());
    }
  }
  const auto samples = static_cast<double>(result.effective.samples);
  for (const LayerId id : prepared.network.network().weighted_layers()) {
    const EffectiveOperations& operations = result.effective.layers[id.index];
    text +=
        fmt::format("{},neurobench,{},{},,\n", csv_field(prepared.network.network().layer(id).name),
                    static_cast<double>(operations.macs) / samples,
                    static_cast<double>(operations.acs) / samples);
  }
  return text;
}

std::string convention_lines(const PreparedRun& prepared, const RunResult& result) {
  std::string text = "published  what papers would report, without a chip (energy-model.md, 9)\n";
  const std::vector<LayerWork> layers = layer_work(prepared, result);
  for (const Convention convention : all_conventions) {
    text += fmt::format("           {:<14} {:>8}  {}\n", to_string(convention),
                        to_string(cost(convention, layers).energy()), describe(convention));
  }
  const EffectiveActivity& effective = result.effective;
  const auto each = [&](std::uint64_t count) {
    return short_count((count + effective.samples / 2) / effective.samples);
  };
  const EffectiveOperations total = effective.total();
  return text + fmt::format(
                    "           {:<14} {:>8}  effective: {} MACs, {} ACs of {}; "
                    "sparsity {:.3f}; {} ({} samples)\n",
                    "neurobench", "-", each(total.macs), each(total.acs), each(total.dense),
                    effective.activation_sparsity(),
                    to_string(Bits(8 * footprint_bytes(prepared.network))), effective.samples);
}

}  // namespace nj
